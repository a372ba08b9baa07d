// A small process beside the supervisor that outlives it: when the supervisor lets go, or dies in
// whatever way, it ends everything in the cgroup and removes the directories. So a killed
// supervisor leaves none, and an orderly one need not wait 1.4 ms for PID 1's namespaces to go. It
// starts before they are made. Sandboxes of yettd have one keeper for all of them instead
// (supervisor/daemon/keeper_process.hpp); when whose turn it is, keeper_ties_child.hpp knows.
#pragma once

#include "sandbox/guard/cgroup_removal_child.hpp"

namespace yett {

struct KeeperInputs {
  KeptDirectories directories;
  int gate = -1;        // KeeperWords; its closing at the other side is `go`, too
  int supervisor = -1;  // its pidfd
};

// Runs in a fresh fork with all signals blocked; never returns. Allocates nothing, holds no other
// fd, and is in a session of its own.
[[noreturn]] void run_cgroup_keeper_child(const KeeperInputs& inputs);

}  // namespace yett

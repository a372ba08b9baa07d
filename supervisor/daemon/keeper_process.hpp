// What the keeper of many sandboxes does: for each that a supervisor has told it of, what
// sandbox/guard/cgroup_keeper_child.hpp does for one, and none of them waits for another.
#pragma once

#include "base/unique_fd.hpp"

namespace yett {

struct KeeperProcessInputs {
  UniqueFd requests;  // SOCK_SEQPACKET: sandbox/guard/keeper_request.hpp
  UniqueFd living;    // held to the end
};

// In a fresh fork of a process with one thread. Leaves when nobody can ask any more and all that it
// kept is gone.
[[noreturn]] void run_keeper(KeeperProcessInputs inputs);

}  // namespace yett

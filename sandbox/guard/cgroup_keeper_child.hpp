// A small process beside the supervisor that outlives it: when the supervisor lets go, or dies in
// whatever way, it ends everything in the cgroup and removes the directories. So a killed
// supervisor leaves none, and an orderly one need not wait 1.4 ms for PID 1's namespaces to go.
//
// It starts before they are made. The hold on the first of them comes through the gate; without it
// (the supervisor died, or gave up, in between) the keeper takes the hold if nobody has it, and
// else leaves them alone: they are another sandbox's.
//
// A supervisor with a successor names it through the gate, and so does each successor when it has
// taken over: the keeper goes to work when both are dead.
#pragma once

#include <span>

namespace yett {

struct KeeperInputs {
  std::span<const char* const> directories;  // in the order of removal
  std::span<const char* const> parents;      // of each: removed when empty
  bool first_is_v2 = false;
  int gate = -1;  // the hold, and successors; a byte alone, or its closing at the other side, is
                  // the signal to go
  int supervisor = -1;  // its pidfd
};

// What comes through the gate: a byte, and a descriptor with all but the last.
enum class KeeperWord : char { hold = 'h', successor = 's', go = 'x' };

// Runs in a fresh fork with all signals blocked; never returns. Allocates nothing, holds no other
// fd, and is in a session of its own.
[[noreturn]] void run_cgroup_keeper_child(const KeeperInputs& inputs);

// What both it and the supervisor use.

// Takes the hold on an existing directory, whose name it must still be: then nobody else has it,
// and what bears the name is the holder's to remove. A descriptor that is the hold, or -errno;
// -EBUSY: a living process has it, or the directory was removed meanwhile.
[[nodiscard]] int hold_cgroup_child(const char* directory);
void pause_child(long milliseconds);
// 0 or -errno. Waits for the last task, 5 s at most.
[[nodiscard]] int remove_cgroup_child(const char* directory);
// SIGKILL to everything inside, forks that race included.
[[nodiscard]] int kill_cgroup_child(const char* directory, bool is_v2);

}  // namespace yett

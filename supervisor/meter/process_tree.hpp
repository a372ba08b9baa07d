// The processes of a sandbox without a pid namespace: those below its first one, to which every
// orphan of the sandbox comes back (PR_SET_CHILD_SUBREAPER).
#pragma once

#include <cstdint>
#include <vector>

namespace yett {

// Not `first` itself. Who forks meanwhile may be missing: look again.
[[nodiscard]] std::vector<int> processes_below(int first);

// One level of it: the children of all threads of `process`.
[[nodiscard]] std::vector<int> children_of(int process);

// Threads of one process; 0: it has ended.
[[nodiscard]] std::uint64_t count_threads(int process);

}  // namespace yett

// One more program in a running sandbox: the parent's side, in the same phases as a launch. The
// child joins every namespace and cgroup of the sandbox, gives up what the sandbox's first process
// gave up, and becomes a small init of its own for the program.
#pragma once

#include "sandbox/launch/launcher.hpp"

namespace yett {

// What is opened of a sandbox while its first process waits, for whoever is root of a namespace
// alone: later the kernel shows that process to root of the host only, for it was executed there.
// ptrace(2), "Ptrace access mode checking".
struct SandboxDoors {
  std::vector<UniqueFd> namespaces;  // in the order in which they are joined; empty: not opened
  UniqueFd root;
};
[[nodiscard]] Result<SandboxDoors> open_doors(int init);

struct JoinInputs {
  BorrowedFd init_pidfd;                // PID 1 of the sandbox
  const SandboxDoors* doors = nullptr;  // null, or with no namespaces: by the pidfd
  BorrowedFd cgroup_v2;                 // invalid: none
  std::vector<int> cgroup_task_files;   // v1
  BorrowedFd terminal_master;  // of the sandbox's own devpts; invalid: stdio is the caller's
  BorrowedFd terminal_slave;
};

// As WaitingSandbox: everything is joined, nothing of the program has run. `init` is the child's.
[[nodiscard]] LaunchResult<WaitingSandbox> join_sandbox(const SandboxPlan& plan,
                                                        const CompiledFilter& filter,
                                                        const JoinInputs& inputs);

}  // namespace yett

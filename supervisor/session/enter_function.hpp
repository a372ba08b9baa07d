// A function of an application's, run in a sandbox that was made before anybody knew of it: the
// application's own process comes in, and this side lets it begin once it is held as a program
// would be. docs/decisions/0057-functions-inside.md.
#pragma once

#include <functional>
#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/launch/launcher.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct FunctionEntrance {
  UniqueFd line;         // to the application: struct yett_entrance and struct yett_entering
  BorrowedFd cgroup_v2;  // invalid: none
  std::span<const int> cgroup_task_files;  // v1
  // Of BPF LSM, before its first instruction; empty: nothing is labelled.
  std::function<Status(BorrowedFd process)> label;
};

// Waits until it has begun, 30 s at most. Precondition: the sandbox waits for a program, and the
// calling process has the capabilities of root of the host. The application is told why when it
// fails, and what came in is ended with the sandbox; its application has to wait for it.
[[nodiscard]] LaunchResult<RunningSandbox> enter_function(WaitingSandbox waiting,
                                                          const SandboxPlan& plan,
                                                          const FunctionEntrance& entrance);

}  // namespace yett

// What a new plan changes of a sandbox that runs, and whether that can be done while it runs. Pure.
#pragma once

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct PlanChanges {
  bool network = false;  // connect and listen rules of the kernel planes
  bool names = false;
  bool limits = false;  // of the cgroup: memory, swap, pids, cpu
};

// `started`: what the sandbox was started with, filter and mounts among it; `running`: what is in
// force; `wanted`: planned with `started` as PlanContext::runs. Errors: invalid_request, naming the
// rule that would need another filter, mount or namespace, its place, and the mend. None of it is
// done then.
[[nodiscard]] Result<PlanChanges> compare_with_running(const SandboxPlan& started,
                                                       const SandboxPlan& running,
                                                       const SandboxPlan& wanted);

}  // namespace yett

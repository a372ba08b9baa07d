// request + policy + host -> plan. Pure: touches no fd, clock, log or global.
#pragma once

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// What the planner may not look up itself.
struct PlanContext {
  std::uint32_t identity_seed =
      0;  // the supervisor's pid: makes the sandbox's host uid unique among live ones
  std::vector<std::string>
      host_root_entries;  // "bin -> usr/bin", "usr", ...: how this host's / is laid out
};

// Errors: invalid_request for what contradicts itself; unsupported_host for a rule that no plane of
// this host can hold, naming the rule's file:line and what would hold it.
[[nodiscard]] Result<SandboxPlan> make_plan(const SandboxRequest& request, const Policy& policy,
                                            const KernelFeatures& features,
                                            const PlanContext& context);

}  // namespace yett

// The mount list of a plan: which files exist inside, and what may be written and executed there.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/plan/planner.hpp"

namespace yett {

// Preconditions: plan.identity is made. Errors as make_plan's.
[[nodiscard]] Result<std::vector<MountEntry>> make_mounts(const SandboxRequest& request,
                                                          const Policy& policy,
                                                          const KernelFeatures& features,
                                                          const PlanContext& context);

// Pieces that every image has. `entries` is appended to.
void add_host_root(const SandboxRequest& request, const Policy& policy, const PlanContext& context,
                   std::vector<MountEntry>& entries);
void add_system_mounts(std::vector<MountEntry>& entries);
void add_made_up_etc(const SandboxRequest& request, const Policy& policy,
                     std::vector<MountEntry>& entries);

// The home directory of the sandbox's user.
inline constexpr const char* kHome = "/home/app";

}  // namespace yett

// A request and a policy, planned on the host as it is.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "sandbox/host/kernel_features.hpp"
#include "sandbox/host/subordinate_ids.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// What the host adds to the request: features, layout, our runtime directory.
struct Host {
  KernelFeatures features;
  std::string runtime_directory;
  std::string stepped_down;  // Mode::automatic: why it is the fallback mode; empty: it is not
  std::optional<SubordinateIds> more_ids;
  std::string cgroup_missing;   // rootless: why no delegated cgroup holds its limits
  bool has_groups = false;      // the caller is in groups beside its own
  std::string ids_missing;      // why there are none, where they were asked for
  bool made_namespace = false;  // the calling process is root of one since it looked; its mounts
                                // are the caller's until take_own_mounts()
};

// In a mode without root it makes the calling process root of a user namespace of its own first.
// Precondition: then, a single thread. Errors: no such namespace can be had; the runtime directory
// is somebody else's.
[[nodiscard]] Result<Host> look_at_host(const SandboxRequest& request, const Policy& policy);

// Whether plan.rules says in words where each rule went. Who traces tells it, too.
enum class PlanRules { told, untold };

// `seed`: the supervisor's pid. `runs`: what another policy is planned for; null: a new sandbox.
[[nodiscard]] Result<SandboxPlan> plan_on(const Host& host, const SandboxRequest& request,
                                          const Policy& policy, int seed, PlanRules rules,
                                          const SandboxPlan* runs = nullptr);

}  // namespace yett

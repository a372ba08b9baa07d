// request + policy + host -> plan. Pure: touches no fd, clock, log or global.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// What the planner may not look up itself.
struct PlanContext {
  std::uint32_t identity_seed =
      0;  // the supervisor's pid: makes the sandbox's host uid unique among live ones
  std::vector<std::string>
      host_root_entries;  // "bin -> usr/bin", "usr", ...: how this host's / is laid out
  std::vector<std::string>
      keeps_owners;  // sources of writable binds and volumes that cannot be idmapped
  // Who starts a sandbox of the fallback mode, and where its own directory will be.
  std::uint32_t caller_uid = 0;
  std::uint32_t caller_gid = 0;
  std::string work_directory;
  // Rootless, where more ids than one were asked for and are to be had: how many are mapped from 1
  // on. Else `ids_missing` says why not.
  std::uint32_t more_uids = 0;
  std::uint32_t more_gids = 0;
  std::string ids_missing;
  bool has_groups = false;          // the caller is in groups beside its own
  std::string cgroup_missing;       // rootless: why features.cgroup has nothing that was delegated
  bool copies_descriptors = false;  // the supervisor, those of a fallback sandbox's processes
  bool tells_rules = true;          // plan.rules is wanted: one for each rule, in words
  // Of a sandbox that runs: what it was started with, which the new plan has to fit.
  const SandboxPlan* runs = nullptr;
};

// Whether a limit was asked for that a cgroup holds best.
[[nodiscard]] bool wants_cgroup(const LimitPolicy& limits);

// A host id that is the same whenever `directory`, which outlives sandboxes, is used: far from the
// ids of people and services, and from those that sandboxes have by their supervisor's pid.
[[nodiscard]] std::uint32_t kept_host_id(std::string_view directory);
[[nodiscard]] bool is_kept_host_id(std::uint32_t id);

// What --mode full is told to a caller who is not the host's root.
[[nodiscard]] Error full_mode_needs_root();

// Errors: invalid_request for what contradicts itself; unsupported_host for a rule that no plane of
// this host can hold, naming the rule's file:line and what would hold it.
[[nodiscard]] Result<SandboxPlan> make_plan(const SandboxRequest& request, const Policy& policy,
                                            const KernelFeatures& features,
                                            const PlanContext& context);

}  // namespace yett

// One plan to make, from a policy's text: each test changes what it is about.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/plan/planner.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "tests/unit/full_features.hpp"

namespace yett::test {

struct PlanCase {
  std::string policy;
  SandboxRequest request{.command = {"true"}};
  KernelFeatures features = make_features();
  std::vector<std::string> keeps_owners = {};
  std::uint32_t caller = 0;
  bool copies_descriptors = false;
  std::uint32_t more_ids = 0;
  bool has_groups = false;
  std::string cgroup_missing = {};

  [[nodiscard]] Result<SandboxPlan> plan() const {
    const Policy parsed = *parse_policy(policy, "p.toml");
    const PlanContext context{
        .identity_seed = 7,
        .host_root_entries = {"bin -> usr/bin", "etc", "home", "lib64 -> usr/lib64", "opt", "usr"},
        .keeps_owners = keeps_owners,
        .caller_uid = caller,
        .caller_gid = caller,
        .work_directory = "/w/yett-1",
        .more_uids = more_ids,
        .more_gids = more_ids,
        .has_groups = has_groups,
        .cgroup_missing = cgroup_missing,
        .copies_descriptors = copies_descriptors};
    return make_plan(request, parsed, features, context);
  }
  [[nodiscard]] SandboxPlan made() const {
    auto result = plan();
    EXPECT_TRUE(result) << result.error().message();
    return result ? std::move(*result) : SandboxPlan{};
  }
  [[nodiscard]] std::string error() const {
    const auto result = plan();
    return result ? "no error" : result.error().message();
  }
};

inline constexpr const char* kListen = "[network]\nmode='host'\nlisten=['tcp://*:6379']";

inline const MountEntry* mount_at(const SandboxPlan& plan, std::string_view target) {
  const auto found = std::ranges::find(plan.mounts, target, &MountEntry::target);
  return found == plan.mounts.end() ? nullptr : &*found;
}

inline const SyscallRule* rule_named(const SandboxPlan& plan, std::string_view name) {
  const auto found = std::ranges::find(plan.filter.rules, name, &SyscallRule::name);
  return found == plan.filter.rules.end() ? nullptr : &*found;
}

}  // namespace yett::test

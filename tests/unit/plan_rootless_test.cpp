// Plans of somebody who is root of a user namespace alone.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

#include "tests/unit/plan_case.hpp"

namespace yett {
namespace {

using Case = test::PlanCase;

Case rootless_case(std::string policy = {}) {
  Case test{.policy = std::move(policy)};
  test.features.is_root = false;
  test.features.is_namespace_root = true;
  test.features.cgroup = {};
  test.features.cgroup_bpf = {};
  test.features.idmapped_mounts = {};
  return test;
}

TEST(PlanRootless, IsTheCallerWithoutDevicesOfItsOwn) {
  const SandboxPlan plan = rootless_case().made();
  EXPECT_EQ(plan.mode, Mode::rootless);
  EXPECT_EQ(plan.identity.host_uid, 0U);
  EXPECT_FALSE(plan.cgroup.wanted);
  EXPECT_TRUE(plan.reduced.empty());
  for (const MountEntry& entry : plan.mounts) {
    EXPECT_NE(entry.kind, MountKind::device) << entry.target;
    EXPECT_FALSE(entry.map_owner) << entry.target;
    if (entry.kind == MountKind::bind) {
      EXPECT_TRUE(entry.recursive) << entry.target;
    }
  }
}

TEST(PlanRootless, LimitsWithoutACgroup) {
  const SandboxPlan plan = rootless_case("[limits]\nmemory='64M'\npids=9").made();
  EXPECT_EQ(plan.meter.memory_bytes, 64ULL << 20);
  EXPECT_FALSE(plan.cgroup.memory_bytes || plan.cgroup.pids);
  const auto pids = std::ranges::find(plan.rlimits, RLIMIT_NPROC, &RlimitEntry::resource);
  ASSERT_NE(pids, plan.rlimits.end());
  EXPECT_EQ(pids->hard, 9U);
  EXPECT_EQ(rootless_case("[limits]\ncpu=0.5").made().meter.cpus, 0.5);
  EXPECT_TRUE(rootless_case("[limits]\nmemory='64M'\nswap=0").error().starts_with("p.toml:3:"));
}

TEST(PlanRootless, ADelegatedCgroupHoldsWhatItHasControllersFor) {
  Case test = rootless_case("[limits]\nmemory='64M'\ncpu=0.5\npids=9");
  test.features.cgroup = {.layout = CgroupLayout::v2,
                          .v2_mount = "/given",
                          .v1_mounts = {},
                          .v2_controllers = {{"memory", true}, {"pids", true}}};
  const SandboxPlan plan = test.made();
  EXPECT_TRUE(plan.cgroup.wanted);
  EXPECT_EQ(plan.cgroup.memory_bytes, 64ULL << 20);
  EXPECT_EQ(plan.cgroup.pids, 9U);
  EXPECT_FALSE(plan.meter.memory_bytes);
  EXPECT_EQ(plan.meter.cpus, 0.5);
  ASSERT_EQ(plan.reduced.size(), 1U);
  EXPECT_NE(plan.reduced[0].find("limits.cpu: held by the supervisor"), std::string::npos);
  Case without = rootless_case("[limits]\nmemory='64M'");
  without.cgroup_missing = "nobody gave one";
  EXPECT_EQ(without.made().meter.memory_bytes, 64ULL << 20);
  EXPECT_EQ(
      without.made().reduced,
      std::vector<std::string>{"limits.memory: held by the supervisor's meter: nobody gave one"});
}

TEST(PlanRootless, IdsAreWhereTheyAreAroundIt) {
  Case test = rootless_case();
  test.request.ids = Ids::range;
  EXPECT_NE(test.error().find("leave -u out"), std::string::npos) << test.error();
  test.request.user = {.uid = 0, .gid = 0};
  EXPECT_NE(test.error().find("--ids range"), std::string::npos) << test.error();
  test.more_ids = 1000;
  const SandboxPlan plan = test.made();
  ASSERT_EQ(plan.identity.uid_map.size(), 2U);
  EXPECT_EQ(plan.identity.uid_map[1].inside, 1U);
  EXPECT_EQ(plan.identity.uid_map[1].outside, 1U);
  EXPECT_EQ(plan.identity.gid_map[1].count, 1000U);
  EXPECT_EQ(plan.identity.capabilities, 0xEBU);
  EXPECT_FALSE(plan.identity.keeps_groups);
  EXPECT_TRUE(test::rule_named(plan, "setgroups")->when.empty());
  test.has_groups = true;
  EXPECT_TRUE(test.made().identity.keeps_groups);
  // The twin, and root of the host, whose sandboxes have one id.
  EXPECT_EQ(rootless_case().made().identity.capabilities, 0U);
  test.features.is_root = true;
  EXPECT_NE(test.error().find("--ids range"), std::string::npos);
}

}  // namespace
}  // namespace yett

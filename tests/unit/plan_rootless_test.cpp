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

}  // namespace
}  // namespace yett

#include <gtest/gtest.h>

#include "sandbox/guard/cgroup_files.hpp"
#include "sandbox/guard/cgroup_limits.hpp"

namespace yett {
namespace {

std::string written(const CgroupPlan& plan, CgroupVersion version) {
  std::string text;
  for (const CgroupLimitFile& limit : cgroup_limit_files(plan, version))
    text += limit.file + "=" + limit.value + ";";
  return text;
}

CgroupPlan all_limits() {
  CgroupPlan plan;
  plan.memory_bytes = 64U << 20;
  plan.swap_bytes = 0;
  plan.pids = 10;
  plan.cpus = 1.5;
  return plan;
}

TEST(CgroupLimits, WriteTheFilesOfEachVersion) {
  EXPECT_EQ(written(all_limits(), CgroupVersion::v2),
            "memory.max=67108864;memory.swap.max=0;pids.max=10;cpu.max=150000 100000;");
  EXPECT_EQ(written(all_limits(), CgroupVersion::v1),
            "memory.limit_in_bytes=67108864;memory.memsw.limit_in_bytes=67108864;pids.max=10;"
            "cpu.cfs_period_us=100000;cpu.cfs_quota_us=150000;");
}

TEST(CgroupLimits, WriteNothingThatWasNotAskedFor) {
  EXPECT_EQ(written({}, CgroupVersion::v1), "");
  EXPECT_EQ(written({}, CgroupVersion::v2), "");
}

TEST(CgroupLimits, KeepTheQuotaAboveTheKernelsSmallest) {
  CgroupPlan plan;
  plan.cpus = 0.0001;
  EXPECT_EQ(written(plan, CgroupVersion::v2), "cpu.max=1000 100000;");
}

TEST(CgroupFigure, ReadsKeyedAndSingleNumbers) {
  EXPECT_EQ(cgroup_figure("low 0\noom 4\noom_kill 3\n", "oom_kill"), 3U);
  EXPECT_EQ(cgroup_figure("low 0\noom 4\noom_kill 3\n", "oom"), 4U);
  EXPECT_EQ(cgroup_figure("12345\n", ""), 12345U);
  EXPECT_FALSE(cgroup_figure("oom_kill x\n", "oom_kill"));
  EXPECT_FALSE(cgroup_figure("", "oom"));
}

}  // namespace
}  // namespace yett

// Resources as files of either version of cgroups, and what one of them cannot hold.
#include "runsc-like/oci/life/plan_resources.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "runsc-like/oci/life/plan_container.hpp"

namespace yett::oci {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

CgroupFeatures only_v2() {
  return {.layout = CgroupLayout::v2,
          .v2_mount = "/sys/fs/cgroup",
          .v1_mounts = {},
          .v2_controllers = {{"cpu", true}, {"io", true}, {"memory", true}}};
}

CgroupFeatures only_v1() {
  return {.layout = CgroupLayout::v1,
          .v2_mount = "",
          .v1_mounts = {{"cpu", "/c/cpu"}, {"blkio", "/c/blkio"}, {"memory", "/c/memory"}},
          .v2_controllers = {}};
}

auto writes(const std::string& file, const std::string& value) {
  return Contains(
      testing::AllOf(Field(&CgroupSetting::file, file), Field(&CgroupSetting::value, value)));
}

struct OnlyV1 {
  const char* path;
  std::function<void(Resources&)> change;
  const char* file;
  const char* value;
};

const OnlyV1 kOnlyV1[]{
    {"memory/swappiness", [](Resources& r) { r.memory.emplace().swappiness = 10; },
     "memory.swappiness", "10"},
    {"memory/kernelTCP", [](Resources& r) { r.memory.emplace().kernel_tcp = 4096; },
     "memory.kmem.tcp.limit_in_bytes", "4096"},
    {"memory/disableOOMKiller", [](Resources& r) { r.memory.emplace().disable_oom_killer = true; },
     "memory.oom_control", "1"},
    {"cpu/realtimePeriod", [](Resources& r) { r.cpu.emplace().realtime_period = 1000; },
     "cpu.rt_period_us", "1000"},
    {"cpu/realtimeRuntime", [](Resources& r) { r.cpu.emplace().realtime_runtime = 500; },
     "cpu.rt_runtime_us", "500"},
    {"blockIO/leafWeight", [](Resources& r) { r.block_io.emplace().leaf_weight = 20; },
     "blkio.leaf_weight", "20"},
};

TEST(PlanResources, WhatCgroup2HasNothingForIsAnErrorThere) {
  for (const OnlyV1& each : kOnlyV1) {
    Resources resources;
    each.change(resources);
    const auto refused = plan_resources(resources, only_v2());
    ASSERT_FALSE(refused.has_value()) << each.path;
    EXPECT_THAT(refused.error().message(), HasSubstr(std::string("/linux/resources/") + each.path));
    const auto planned = plan_resources(resources, only_v1());
    ASSERT_TRUE(planned.has_value()) << planned.error().message();
    EXPECT_THAT(*planned, writes(each.file, each.value)) << each.path;
  }
}

TEST(PlanResources, WhatEnginesWriteForNothingIsNoErrorInCgroup2) {
  Resources resources;
  Memory& memory = resources.memory.emplace();
  memory.swappiness = 0;
  memory.kernel_tcp = -1;
  memory.disable_oom_killer = false;
  Cpu& cpu = resources.cpu.emplace();
  cpu.realtime_period = 0;
  cpu.realtime_runtime = 0;
  const auto planned = plan_resources(resources, only_v2());
  ASSERT_TRUE(planned.has_value()) << planned.error().message();
  EXPECT_TRUE(planned->empty());
}

TEST(PlanResources, WeightsOfDevices) {
  Resources resources;
  resources.block_io.emplace().weight_device = {
      {.major = 8, .minor = 16, .weight = 1000, .leaf_weight = {}}};
  EXPECT_THAT(*plan_resources(resources, only_v2()), writes("io.weight", "8:16 10000"));
  EXPECT_THAT(*plan_resources(resources, only_v1()), writes("blkio.weight_device", "8:16 1000"));
  resources.block_io->weight_device[0].leaf_weight = 10;
  EXPECT_FALSE(plan_resources(resources, only_v2()).has_value());
  EXPECT_THAT(*plan_resources(resources, only_v1()), writes("blkio.leaf_weight_device", "8:16 10"));
}

TEST(DropMissing, NamesAndTakesAwayWhatNobodyHolds) {
  constexpr std::uint64_t kChown = 1, kSysTime = std::uint64_t{1} << 25;
  ContainerCapabilities asked{.bounding = kChown | kSysTime,
                              .effective = kChown | kSysTime,
                              .inheritable = 0,
                              .permitted = kChown | kSysTime,
                              .ambient = 0};
  EXPECT_EQ(drop_missing(asked, kChown | kSysTime), "");
  EXPECT_EQ(asked.permitted, kChown | kSysTime);
  const std::string warning = drop_missing(asked, kChown);
  EXPECT_THAT(warning, HasSubstr("CAP_SYS_TIME"));
  EXPECT_EQ(warning.find("CAP_CHOWN"), std::string::npos);
  EXPECT_EQ(asked.permitted, kChown);
  EXPECT_EQ(asked.effective, kChown);
}

}  // namespace
}  // namespace yett::oci

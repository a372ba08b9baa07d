// Paths and limits of containers as systemd takes them.
#include "runsc-like/oci/life/systemd_scope.hpp"

#include <gmock/gmock.h>

namespace yett::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SystemdPath, IsSlicePrefixAndName) {
  const auto scope = parse_systemd_path("machine-app-web.slice:libpod:0f1e", "id");
  ASSERT_TRUE(scope.has_value());
  EXPECT_EQ(scope->unit, "libpod-0f1e.scope");
  EXPECT_EQ(scope->slice, "machine-app-web.slice");
  EXPECT_EQ(scope->cgroup_path,
            "/machine.slice/machine-app.slice/machine-app-web.slice/libpod-0f1e.scope");
}

TEST(SystemdPath, HasDefaults) {
  EXPECT_EQ(parse_systemd_path("", "app1")->cgroup_path, "/system.slice/yett-app1.scope");
  EXPECT_EQ(parse_systemd_path("::", "app1")->cgroup_path, "/system.slice/app1.scope");
  EXPECT_EQ(parse_systemd_path(":p:", "app1")->cgroup_path, "/system.slice/p-app1.scope");
  EXPECT_EQ(parse_systemd_path("-.slice:p:n", "app1")->cgroup_path, "/p-n.scope");
}

// SECURITY: container-cgroup-path
TEST(SystemdPath, OfAnotherFormIsRefused) {
  for (const char* path :
       {"/a/b", "a.slice", "a.slice:b", "a.slice:b:c:d", "a:b:c", ".slice:b:c", "a/b.slice:b:c",
        "../a.slice:b:c", "a--b.slice:b:c", "-a.slice:b:c", "a-.slice:b:c", "a.slice:b/..:c",
        "a.slice:b:c d", "a.slice:b:c\n", "a.slice:b:../c", "a.slice:.:c"}) {
    const auto scope = parse_systemd_path(path, "id");
    ASSERT_FALSE(scope.has_value()) << path;
    EXPECT_THAT(scope.error().message(), HasSubstr("/linux/cgroupsPath"));
  }
}

TEST(SystemdProperties, AreTheLimitsThatSystemdKnows) {
  EXPECT_THAT(systemd_properties({{"memory", "memory.max", "67108864"},
                                  {"memory", "memory.swap.max", "max"},
                                  {"pids", "pids.max", "20"},
                                  {"cpuset", "cpuset.cpus", "0-1"},
                                  {"memory", "memory.oom.group", "1"}}),
              ElementsAre("MemoryMax=67108864", "MemorySwapMax=infinity", "TasksMax=20",
                          "AllowedCPUs=0-1"));
  EXPECT_THAT(systemd_properties({{"pids", "pids.max", "5", SettingFailure::ignored}}), IsEmpty());
}

TEST(SystemdProperties, QuotaIsAShare) {
  EXPECT_THAT(systemd_properties({{"cpu", "cpu.max", "50000 100000"}}),
              ElementsAre("CPUQuotaPeriodSec=100000us", "CPUQuota=50.00%"));
  EXPECT_THAT(systemd_properties({{"cpu", "cpu.max", "1001 100000"}}),
              ElementsAre("CPUQuotaPeriodSec=100000us", "CPUQuota=1.01%"));
  EXPECT_THAT(systemd_properties({{"cpu", "cpu.max", "max 100000"}}),
              ElementsAre("CPUQuotaPeriodSec=100000us", "CPUQuota="));
}

TEST(Systemd, IsNeededWithCgroupV2Alone) {
  CgroupFeatures both{.v2_mount = "/sys/fs/cgroup/unified", .v1_mounts = {{"memory", "/x"}}};
  const Status checked = check_systemd(both);
  ASSERT_FALSE(checked.has_value());
  EXPECT_THAT(checked.error().message(), HasSubstr("cgroupfs driver"));
}

}  // namespace
}  // namespace yett::oci

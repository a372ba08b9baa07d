// Labels: refused without the system that would hold them, else on what takes them.
#include <gmock/gmock.h>

#include "runsc-like/oci/life/plan_labels.hpp"

namespace yett::oci {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(Labels, NeedTheirSystem) {
  ContainerProcess process;
  EXPECT_TRUE(check_labels(process, {}).has_value());
  process.apparmor_profile = "docker-default";
  EXPECT_TRUE(check_labels(process, {.apparmor = true}).has_value());
  const Status refused = check_labels(process, {.selinux = true});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message(), HasSubstr("/process/apparmorProfile"));
  process = {};
  process.selinux_label = "system_u:system_r:container_t:s0:c1,c2";
  EXPECT_TRUE(check_labels(process, {.selinux = true}).has_value());
  EXPECT_FALSE(check_labels(process, {.apparmor = true}).has_value());
}

ContainerMount filesystem(const char* type) {
  ContainerMount mount;
  mount.filesystem = type;
  return mount;
}

TEST(Labels, MountsThatTakeAContextGetIt) {
  ContainerPlan plan;
  for (const char* type : {"proc", "tmpfs", "devpts", "sysfs", "mqueue", "cgroup2"})
    plan.mounts.push_back(filesystem(type));
  plan.mounts.push_back(filesystem(""));
  plan.mounts.back().kind = ContainerMountKind::bind;
  plan.mounts.push_back(filesystem("tmpfs"));
  plan.mounts.back().options.emplace_back("context", "its own");
  ASSERT_TRUE(plan_mount_label("a:b:c:s0", {.selinux = true}, plan).has_value());
  const std::pair<std::string, std::string> wanted("context", "a:b:c:s0");
  for (const std::size_t labelled : {1U, 2U}) {
    ASSERT_EQ(plan.mounts[labelled].options.size(), 1U);
    EXPECT_EQ(plan.mounts[labelled].options.front(), wanted);
  }
  for (const std::size_t other : {0U, 3U, 4U, 5U, 6U})
    EXPECT_THAT(plan.mounts[other].options, IsEmpty()) << plan.mounts[other].filesystem;
  EXPECT_EQ(plan.mounts[7].options.size(), 1U);
}

TEST(Labels, AMountLabelWithoutSelinuxIsRefused) {
  ContainerPlan plan;
  EXPECT_TRUE(plan_mount_label("", {}, plan).has_value());
  EXPECT_FALSE(plan_mount_label("a:b:c:s0", {.apparmor = true}, plan).has_value());
}

}  // namespace
}  // namespace yett::oci

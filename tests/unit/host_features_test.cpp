#include <gtest/gtest.h>

#include <string>

#include "sandbox/host/feature_cache.hpp"
#include "sandbox/host/feature_table.hpp"
#include "sandbox/host/probe_parts.hpp"

namespace yett {
namespace {

constexpr char kHybrid[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(CgroupMounts, ReadsHybrid) {
  const CgroupFeatures found = parse_cgroup_mounts(kHybrid);
  EXPECT_EQ(found.layout, CgroupLayout::hybrid);
  EXPECT_EQ(found.v2_mount, "/sys/fs/cgroup/unified");
  EXPECT_EQ(found.v1_mounts.at("memory"), "/sys/fs/cgroup/memory");
  EXPECT_EQ(found.v1_mounts.at("cpu"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(found.v1_mounts.size(), 3U) << "the named hierarchy is no controller";
}

TEST(CgroupMounts, ReadsPureLayoutsAndNone) {
  EXPECT_EQ(parse_cgroup_mounts("30 24 0:26 / /sys/fs/cgroup rw - cgroup2 none rw\n").layout,
            CgroupLayout::v2);
  EXPECT_EQ(parse_cgroup_mounts("35 31 0:32 / /c/memory rw - cgroup none rw,memory\n").layout,
            CgroupLayout::v1);
  EXPECT_EQ(parse_cgroup_mounts("").layout, CgroupLayout::none);
  EXPECT_EQ(parse_cgroup_mounts("1 2 3 - \n - cgroup2\nnonsense\n").layout, CgroupLayout::none);
}

KernelFeatures sample() {
  KernelFeatures features;
  features.release = "6.1.0-x";
  features.boot_id = "b";
  features.is_root = true;
  features.capabilities = 0x1ffffffffffULL;
  features.landlock_abi = 6;
  features.overlay = {.usable = true, .detail = {}};
  features.bpf_lsm = {.usable = false, .detail = "load: a=b\nsecond line"};
  features.cgroup = parse_cgroup_mounts(kHybrid);
  features.cgroup.v2_controllers["pids"] = true;
  return features;
}

TEST(FeatureCache, GivesBackWhatWasKept) {
  const auto back = parse_features(serialise_features(sample(), "k"), "k");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->landlock_abi, 6);
  EXPECT_EQ(back->capabilities, 0x1ffffffffffULL);
  EXPECT_TRUE(back->is_root);
  EXPECT_TRUE(back->overlay.usable);
  EXPECT_FALSE(back->bpf_lsm.usable);
  EXPECT_EQ(back->bpf_lsm.detail, "load: a=b second line");
  EXPECT_EQ(back->cgroup.layout, CgroupLayout::hybrid);
  EXPECT_EQ(back->cgroup.v1_mounts, sample().cgroup.v1_mounts);
  EXPECT_TRUE(back->cgroup.v2_controllers.at("pids"));
}

TEST(FeatureCache, RefusesTextCutAnywhere) {
  const std::string whole = serialise_features(sample(), "k");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_features(whole.substr(0, size), "k")) << size;
}

TEST(FeatureCache, RefusesDamageAndAnotherKey) {
  const std::string whole = serialise_features(sample(), "k");
  EXPECT_FALSE(parse_features(whole, "other"));
  EXPECT_FALSE(parse_features(whole + "x", "k"));
  std::string damaged = whole;
  damaged.replace(damaged.find("overlay=1"), 9, "overlay=7");
  EXPECT_FALSE(parse_features(damaged, "k"));
  damaged = whole;
  damaged.replace(damaged.find("overlay="), 8, "underlay");
  EXPECT_FALSE(parse_features(damaged, "k"));
}

TEST(FeatureTable, NamesEachFeatureOnce) {
  for (const FeatureEntry& one : feature_table())
    for (const FeatureEntry& other : feature_table())
      EXPECT_EQ(one.key == other.key, one.member == other.member);
}

}  // namespace
}  // namespace yett

// Configurations that must be taken, and what is read of them.
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/resource.h>

#include <filesystem>

#include "runsc-like/oci/config/mount_options.hpp"
#include "runsc-like/oci/config/names.hpp"
#include "tests/unit/oci/configs.hpp"

namespace yett::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Config good(const std::string& name) {
  auto config = parse_config(good_text(name), name);
  EXPECT_TRUE(config) << config.error().message();
  return config ? *config : Config{};
}

TEST(GoodConfig, EveryRealOneIsTaken) {
  const std::filesystem::path folder(YETT_SOURCE_DIR "/tests/unit/oci/good");
  int taken = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    const auto config = parse_config(good_text(name), name);
    EXPECT_TRUE(config) << config.error().message();
    ++taken;
  }
  EXPECT_GE(taken, 3);
}

TEST(GoodConfig, ProcessIsReadWhole) {
  const Process process = *good("everything.json").process;
  EXPECT_TRUE(process.terminal);
  EXPECT_EQ(process.console_size->height, 25U);
  EXPECT_EQ(process.user.uid, 1000U);
  EXPECT_EQ(process.user.umask, 022U);
  EXPECT_THAT(process.user.additional_gids, ElementsAre(5, 6));
  EXPECT_THAT(process.args, ElementsAre("sleep", "10"));
  EXPECT_EQ(process.capabilities->bounding, (1U << CAP_CHOWN) | (1U << CAP_KILL));
  EXPECT_EQ(process.rlimits[0].resource, RLIMIT_NOFILE);
  EXPECT_EQ(process.rlimits[1].hard, RLIM_INFINITY);
  EXPECT_EQ(process.oom_score_adj, -500);
  EXPECT_EQ(process.scheduler->policy, static_cast<std::uint32_t>(SCHED_FIFO));
  EXPECT_EQ(process.scheduler->flags, 1U);
  EXPECT_EQ(process.io_priority->io_class, 2U);
  EXPECT_EQ(process.exec_cpu_affinity->final, "0-1");
}

TEST(GoodConfig, LinuxIsReadWhole) {
  const Config config = good("everything.json");
  const Linux& section = config.linux_;
  EXPECT_EQ(section.namespaces.size(), 8U);
  EXPECT_EQ(section.find_namespace(NamespaceType::network)->path, "/run/netns/blue");
  EXPECT_EQ(section.uid_mappings[1].host_id, 1000U);
  EXPECT_EQ(section.time_offsets.at("boottime").secs, -604800);
  EXPECT_EQ(section.devices[0].file_mode, 0666U);
  EXPECT_EQ(section.net_devices.at("eth7").name, "eth0");
  EXPECT_EQ(section.resources->memory->limit, 536870912);
  EXPECT_EQ(section.resources->devices[2].minor, std::nullopt) << "-1 is every one";
  EXPECT_EQ(section.resources->pids_limit, 32771);
  EXPECT_EQ(section.resources->rdma.at("mlx5_1").hca_objects, 10000U);
  EXPECT_EQ(section.rootfs_propagation, Propagation::slave);
  EXPECT_EQ(section.seccomp->syscalls[1].errno_ret, 22U);
  EXPECT_TRUE(section_notifies(*section.seccomp));
  EXPECT_EQ(section.intel_rdt->clos_id, "guaranteed");
  EXPECT_EQ(section.personality, 8U);
  EXPECT_EQ(section.memory_policy->mode, 2U);
  EXPECT_EQ(config.hooks.prestart[0].timeout, 5U);
  EXPECT_EQ(config.annotations.at("dev.yett.policy"), "container");
}

TEST(GoodConfig, WhatTheSpecificationWantsToldIsAWarning) {
  auto json = good_json("runc_spec.json");
  json["process"]["capabilities"]["bounding"].push_back("CAP_FLY");
  json["mounts"][0]["destination"] = "proc";
  const Config config = *parse_config(json.dump(), "config.json");
  ASSERT_EQ(config.warnings.size(), 2U);
  EXPECT_THAT(config.warnings[0],
              HasSubstr("/process/capabilities/bounding/3: capability 'CAP_FLY'"));
  EXPECT_THAT(config.warnings[1], HasSubstr("/mounts/0/destination"));
  EXPECT_EQ(config.mounts[0].destination, "/proc");
}

TEST(GoodConfig, VersionsAndUnknownFields) {
  for (const char* version : {"1.0.0", "1.0.0-rc5", "1.0.2-dev", "1.1.0+dev", "1.2.1", "1.3.0"}) {
    auto json = good_json("runc_spec.json");
    json["ociVersion"] = version;
    json["windows"] = 5;
    json["process"]["novel"] = {{"deep", true}};
    EXPECT_EQ(refusal_of(json.dump()), "") << version;
  }
}

TEST(GoodConfig, NullIsAsGoodAsNothing) {
  auto json = good_json("runc_spec.json");
  json["hooks"] = nullptr;
  json["process"]["rlimits"] = nullptr;
  json["linux"]["resources"] = nullptr;
  EXPECT_EQ(refusal_of(json.dump()), "");
}

TEST(GoodConfig, DepthAndSizeUpToTheirBounds) {
  auto json = good_json("runc_spec.json");
  nlohmann::ordered_json nested = 1;
  for (int level = 0; level < 63; ++level) nested = nlohmann::ordered_json::array({nested});
  json["novel"] = nested;
  json["pad"] = std::string((1U << 20) - json.dump().size() - 9, 'x');
  ASSERT_EQ(json.dump().size(), 1U << 20);
  EXPECT_EQ(refusal_of(json.dump()), "");
}

TEST(GoodConfig, ProcessAndResourcesStandAlone) {
  const auto json = good_json("everything.json");
  EXPECT_TRUE(parse_process(json["process"].dump(), "process.json"));
  EXPECT_TRUE(parse_resources(json["linux"]["resources"].dump(), "-"));
  EXPECT_TRUE(parse_resources("{}", "-"));
  const auto bad =
      parse_process(R"({"user": {"uid": 0, "gid": 0}, "args": ["x"]})", "process.json");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message(), HasSubstr("process.json: /cwd: is missing"));
}

// ---- options of mounts --------------------------------------------------------------------------

MountOptions options(const std::vector<std::string>& words) { return parse_mount_options(words); }

TEST(MountOptions, TheLaterOfTwoHolds) {
  EXPECT_EQ(options({"ro", "rw"}).attributes.set, 0U);
  EXPECT_EQ(options({"ro", "rw"}).attributes.clear, static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY));
  EXPECT_EQ(options({"rw", "ro"}).attributes.set, static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY));
  EXPECT_EQ(options({"noatime", "strictatime"}).attributes.set,
            static_cast<std::uint64_t>(MOUNT_ATTR_STRICTATIME));
}

TEST(MountOptions, RecursiveOnesAreApart) {
  const MountOptions parsed = options({"rbind", "rro", "nosuid", "rnosuid", "ratime"});
  EXPECT_TRUE(parsed.bind);
  EXPECT_TRUE(parsed.recursive);
  EXPECT_EQ(parsed.attributes.set, static_cast<std::uint64_t>(MOUNT_ATTR_NOSUID));
  EXPECT_EQ(parsed.recursive_attributes.set,
            static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID));
  EXPECT_EQ(parsed.recursive_attributes.clear, static_cast<std::uint64_t>(MOUNT_ATTR__ATIME));
}

TEST(MountOptions, NamesThatOnlyBeginAlikeAreNotRecursive) {
  const MountOptions parsed = options({"ro", "relatime", "remount"});
  EXPECT_EQ(parsed.recursive_attributes.set | parsed.recursive_attributes.clear, 0U);
  EXPECT_EQ(parsed.attributes.set, static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY));
  EXPECT_TRUE(parsed.remount);
}

TEST(MountOptions, TheRestIsTheFilesystems) {
  const MountOptions parsed =
      options({"size=64m", "sync", "tmpcopyup", "defaults", "rslave", "ridmap", "x-unknown"});
  EXPECT_THAT(parsed.filesystem, ElementsAre("size=64m", "sync", "x-unknown"));
  EXPECT_TRUE(parsed.copy_up);
  EXPECT_EQ(parsed.idmap, IdMap::with_submounts);
  EXPECT_THAT(parsed.propagation, ElementsAre(0x80000U | 0x4000U));
}

}  // namespace
}  // namespace yett::oci

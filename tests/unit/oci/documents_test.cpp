// The documents that the runtime writes: the default configuration and its features.
#include <gmock/gmock.h>

#include <regex>
#include <set>

#include "runsc-like/oci/config/default_spec.hpp"
#include "runsc-like/oci/config/features.hpp"
#include "tests/unit/oci/configs.hpp"

namespace yett::oci {
namespace {

using nlohmann::json;
using testing::IsSupersetOf;

TEST(DefaultSpec, IsTakenByItsOwnReader) {
  const auto config = parse_config(make_default_spec(std::nullopt), "config.json");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->process->args, std::vector<std::string>{"sh"});
  EXPECT_TRUE(config->root.readonly);
  EXPECT_NE(config->linux_.find_namespace(NamespaceType::network), nullptr);
  EXPECT_EQ(config->linux_.find_namespace(NamespaceType::user), nullptr);
  EXPECT_TRUE(config->warnings.empty());
}

TEST(DefaultSpec, RootlessMapsTheUserAndKeepsTheNetwork) {
  const auto config = parse_config(make_default_spec(Rootless{1000, 100}), "config.json");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->linux_.uid_mappings.at(0).host_id, 1000U);
  EXPECT_EQ(config->linux_.gid_mappings.at(0).host_id, 100U);
  EXPECT_EQ(config->linux_.find_namespace(NamespaceType::network), nullptr);
  EXPECT_FALSE(config->linux_.resources);
}

TEST(DefaultSpec, MountsAndMasksWhatRuncDoes) {
  for (const bool rootless : {false, true}) {
    const auto ours =
        json::parse(make_default_spec(rootless ? std::optional(Rootless{}) : std::nullopt));
    const auto runcs =
        json::parse(good_text(rootless ? "runc_spec_rootless.json" : "runc_spec.json"));
    for (const char* list : {"maskedPaths", "readonlyPaths"})
      EXPECT_THAT(ours["linux"][list].get<std::set<std::string>>(),
                  IsSupersetOf(runcs["linux"][list].get<std::set<std::string>>()));
    ASSERT_EQ(ours["mounts"].size(), runcs["mounts"].size());
    for (std::size_t i = 0; i < ours["mounts"].size(); ++i)
      EXPECT_EQ(ours["mounts"][i]["destination"], runcs["mounts"][i]["destination"]);
  }
}

AppliedFeatures everything() {
  return {.cgroup_v1 = true,
          .cgroup_v2 = true,
          .seccomp = true,
          .memory_policy = true,
          .seccomp_flags = {"SECCOMP_FILTER_FLAG_LOG"},
          .annotations = {{"dev.yett.version", "1"}}};
}

// features-schema.json and features-linux.json of the specification, member by member.
TEST(Features, HasTheFormOfTheSchema) {
  const json features = json::parse(make_features(everything()));
  EXPECT_TRUE(features.at("ociVersionMin").is_string());
  EXPECT_TRUE(features.at("ociVersionMax").is_string());
  const std::set<std::string> hooks{"prestart",       "createRuntime", "createContainer",
                                    "startContainer", "poststart",     "poststop"};
  EXPECT_EQ(features.at("hooks").get<std::set<std::string>>(), hooks);
  EXPECT_THAT(features.at("mountOptions").get<std::set<std::string>>(),
              IsSupersetOf({"ro", "rbind", "rro", "idmap", "ridmap", "rslave", "tmpcopyup"}));
  EXPECT_TRUE(features.at("potentiallyUnsafeConfigAnnotations").is_array());
  const json& section = features.at("linux");
  EXPECT_EQ(section.at("namespaces").size(), 8U);
  for (const auto& name : section.at("capabilities"))
    EXPECT_TRUE(std::regex_match(name.get<std::string>(), std::regex("CAP_[A-Z_]+"))) << name;
  for (const char* member : {"v1", "v2", "systemd", "systemdUser", "rdma"})
    EXPECT_TRUE(section.at("cgroup").at(member).is_boolean()) << member;
  for (const char* part : {"seccomp", "apparmor", "selinux", "intelRdt", "netDevices"})
    EXPECT_TRUE(section.at(part).at("enabled").is_boolean()) << part;
  EXPECT_TRUE(section.at("mountExtensions").at("idmap").at("enabled").is_boolean());
  EXPECT_EQ(section.at("memoryPolicy").at("modes").size(), 7U);
}

TEST(Features, EveryNameIsTakenByConfigJson) {
  const json features = json::parse(make_features(everything()));
  const json& seccomp = features.at("linux").at("seccomp");
  for (const auto& action : seccomp.at("actions"))
    for (const auto& op : seccomp.at("operators")) {
      auto config = good_json("everything.json");
      config["linux"]["seccomp"]["syscalls"] = nlohmann::ordered_json::array(
          {{{"names", {"dup"}},
            {"action", action.get<std::string>()},
            {"args", {{{"index", 0}, {"value", 1}, {"op", op.get<std::string>()}}}}}});
      config["linux"]["seccomp"]["architectures"] =
          seccomp.at("archs").get<std::vector<std::string>>();
      config["linux"]["seccomp"]["flags"] =
          seccomp.at("knownFlags").get<std::vector<std::string>>();
      EXPECT_EQ(refusal_of(config.dump()), "");
    }
}

TEST(Features, WhatIsNotAppliedIsNotClaimed) {
  const json section = json::parse(make_features({})).at("linux");
  for (const char* part : {"seccomp", "apparmor", "selinux", "intelRdt", "netDevices"})
    EXPECT_FALSE(section.at(part).at("enabled").get<bool>()) << part;
  EXPECT_FALSE(section.contains("memoryPolicy"));
  EXPECT_FALSE(section.at("seccomp").contains("actions"));
}

}  // namespace
}  // namespace yett::oci

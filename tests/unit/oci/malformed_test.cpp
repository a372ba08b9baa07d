// Configurations that must be refused, each with the JSON path of what is wrong: every node of a
// complete configuration with every wrong type, and a table made by hand.
#include <gmock/gmock.h>

#include <set>

#include "tests/unit/oci/configs.hpp"

namespace yett::oci {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

// ---- generated: every node with a value of another type ---------------------------------------

void collect_paths(const ordered_json& node, const ordered_json::json_pointer& at,
                   std::vector<ordered_json::json_pointer>& paths) {
  if (!at.empty()) paths.push_back(at);
  if (node.is_object())
    for (const auto& [name, member] : node.items()) collect_paths(member, at / name, paths);
  if (node.is_array())
    for (std::size_t i = 0; i < node.size(); ++i) collect_paths(node[i], at / i, paths);
}

const char* type_of(const ordered_json& node) {
  return node.is_number() ? "number" : node.type_name();
}

TEST(MalformedConfig, EveryNodeWithEveryWrongTypeIsNamed) {
  const ordered_json good = good_json("everything.json");
  const std::vector<ordered_json> others{
      true, 7, "seven", ordered_json::array({1, "x"}), ordered_json::object({{"x", 1}}), 1.5};
  std::vector<ordered_json::json_pointer> paths;
  collect_paths(good, ordered_json::json_pointer(""), paths);
  std::size_t cases = 0;
  for (const auto& path : paths) {
    if (path.to_string().starts_with("/futureField")) continue;
    for (const ordered_json& other : others) {
      const bool fraction = other.is_number_float() && good[path].is_number();
      if (std::string(type_of(other)) == type_of(good[path]) && !fraction) continue;
      ordered_json bad = good;
      bad[path] = other;
      const std::string message = refusal_of(bad.dump());
      EXPECT_THAT(message, HasSubstr("config.json: " + path.to_string() + ": is ")) << other;
      ++cases;
    }
  }
  EXPECT_GT(cases, 1000U);
}

TEST(MalformedConfig, ATextCutAtEveryByteIsNoConfig) {
  const std::string good = good_text("runc_spec.json");
  const std::size_t end = good.find_last_of('}');
  for (std::size_t length = 0; length <= end; ++length)
    EXPECT_THAT(refusal_of(good.substr(0, length)), HasSubstr("config.json:")) << length;
}

TEST(MalformedConfig, RequiredMembersAreMissed) {
  const std::set<std::string> required{"/ociVersion",
                                       "/root",
                                       "/root/path",
                                       "/process/user",
                                       "/process/user/uid",
                                       "/process/user/gid",
                                       "/process/args",
                                       "/process/cwd",
                                       "/process/consoleSize/height",
                                       "/process/consoleSize/width",
                                       "/process/rlimits/0/type",
                                       "/process/rlimits/0/soft",
                                       "/process/rlimits/0/hard",
                                       "/process/scheduler/policy",
                                       "/process/ioPriority/class",
                                       "/mounts/0/destination",
                                       "/mounts/1/uidMappings",
                                       "/mounts/1/gidMappings",
                                       "/mounts/1/uidMappings/0/containerID",
                                       "/mounts/1/uidMappings/0/hostID",
                                       "/mounts/1/uidMappings/0/size",
                                       "/hooks/prestart/0/path",
                                       "/hooks/poststop/0/path",
                                       "/linux/namespaces/0/type",
                                       "/linux/uidMappings",
                                       "/linux/gidMappings",
                                       "/linux/uidMappings/0/size",
                                       "/linux/devices/0/path",
                                       "/linux/devices/0/type",
                                       "/linux/devices/0/major",
                                       "/linux/devices/1/minor",
                                       "/linux/resources/devices/0/allow",
                                       "/linux/resources/blockIO/throttleReadBpsDevice/0/rate",
                                       "/linux/resources/blockIO/weightDevice/0/major",
                                       "/linux/resources/hugepageLimits/0/pageSize",
                                       "/linux/resources/hugepageLimits/0/limit",
                                       "/linux/resources/network/priorities/0/name",
                                       "/linux/resources/network/priorities/0/priority",
                                       "/linux/seccomp/defaultAction",
                                       "/linux/seccomp/syscalls/0/names",
                                       "/linux/seccomp/syscalls/0/action",
                                       "/linux/seccomp/syscalls/1/args/0/index",
                                       "/linux/seccomp/syscalls/1/args/0/value",
                                       "/linux/seccomp/syscalls/1/args/0/op",
                                       "/linux/personality/domain",
                                       "/linux/memoryPolicy/mode"};
  for (const std::string& path : required) {
    ordered_json bad = good_json("everything.json");
    const ordered_json::json_pointer at(path);
    ASSERT_TRUE(bad.contains(at)) << path;
    bad[at.parent_pointer()].erase(at.back());
    EXPECT_THAT(refusal_of(bad.dump()), HasSubstr("config.json: " + path + ": is missing")) << path;
    bad = good_json("everything.json");
    bad[at] = nullptr;  // null is as good as nothing
    EXPECT_THAT(refusal_of(bad.dump()), HasSubstr("config.json: " + path + ": is missing")) << path;
  }
}

// ---- by hand: json-nul, json-duplicates, json-depth, json-size
// -----------------------------------------------------------------------------

struct BadText {
  std::string text;
  std::string place;
  std::string words;
};

TEST(MalformedConfig, BadTexts) {
  const std::string deep(100, '[');
  const std::vector<BadText> texts{
      {"", "config.json:1:1", "ends too early"},
      {"{", "config.json:1:2", "ends too early"},
      {"{} x", "config.json:1:4", "unexpected"},
      {"{\"a\": 01}", "config.json:1:", "unexpected"},
      {"{\"a\": 1,}", "config.json:1:9", "unexpected"},
      {"{'a': 1}", "config.json:1:2", "unexpected"},
      {"{\n  \"a\": nope\n}", "config.json:2:", "unexpected"},
      {"// comment\n{}", "config.json:1:1", "unexpected"},
      {"{\"a\": NaN}", "config.json:1:", "unexpected"},
      {"{\"a\": \"\xff\"}", "config.json:1:", "UTF-8"},
      {"{\"a\": \"\xc3\"}", "config.json:1:", "UTF-8"},
      {"{\"a\": \"\xed\xa0\x80\"}", "config.json:1:", "UTF-8"},
      {std::string("{\"a\": \"b\0\"}", 11), "config.json:1:9", "NUL"},
      {std::string("{}\0{}", 5), "config.json:1:3", "NUL"},
      {R"({"a": "x\u0000y"})", "config.json: /a", "NUL"},
      {R"({"a\u0000": 1})", "config.json: /", "NUL"},
      {R"({"a": {"b": [1, "\u0000"]}})", "config.json: /a/b/1", "NUL"},
      {R"({"a": 1, "a": 1})", "config.json: /a", "there twice"},
      {R"({"x": {"a": 1, "b": 2, "a": 3}})", "config.json: /x/a", "there twice"},
      {R"({"x": [{}, {"a": 1, "\u0061": 3}]})", "config.json: /x/1/a", "there twice"},
      {deep, "config.json", "deeper than 64"},
      {"{\"a\": " + deep, "config.json", "deeper than 64"},
      {"[]", "config.json: /", "an object is needed"},
      {"7", "config.json: /", "an object is needed"},
      {"null", "config.json: /", "an object is needed"},
      {"\"x\"", "config.json: /", "an object is needed"},
      {"{}", "config.json: /ociVersion", "is missing"},
      {"{\"pad\": \"" + std::string(1 << 20, 'x') + "\"}", "config.json", "larger than 1 MiB"},
  };
  for (const BadText& bad : texts) {
    const std::string message = refusal_of(bad.text);
    EXPECT_THAT(message, HasSubstr(bad.place)) << bad.text.substr(0, 40);
    EXPECT_THAT(message, HasSubstr(bad.words)) << bad.text.substr(0, 40);
  }
}

TEST(MalformedConfig, AFileIsBoundedAndRegular) {
  EXPECT_FALSE(read_config_text("/dev/zero"));
  EXPECT_FALSE(read_config_text("/proc"));
  EXPECT_FALSE(read_bundle_config("/nonexistent"));
}

}  // namespace
}  // namespace yett::oci

#include "runsc-like/oci/config/features.hpp"

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "runsc-like/oci/config/mount_options.hpp"
#include "runsc-like/oci/config/names.hpp"
#include "sandbox/seccomp/seccomp_section.hpp"

namespace yett::oci {
namespace {

using Json = nlohmann::ordered_json;

template <typename Table>
Json names_of(const Table& table) {
  Json names = Json::array();
  for (const auto& each : table) names.push_back(std::string(each.name));
  return names;
}

Json words(std::span<const std::string_view> texts) {
  Json array = Json::array();
  for (const std::string_view text : texts) array.push_back(std::string(text));
  return array;
}

Json enabled(bool on) { return {{"enabled", on}}; }

Json make_seccomp(const AppliedFeatures& applied) {
  Json section = enabled(applied.seccomp);
  if (!applied.seccomp) return section;
  section["actions"] = names_of(section_actions());
  section["operators"] = names_of(section_compares());
  section["archs"] = words(section_architecture_names());
  section["knownFlags"] = words(section_flag_names());
  section["supportedFlags"] = applied.seccomp_flags;
  return section;
}

Json make_linux(const AppliedFeatures& applied) {
  Json section{{"namespaces", names_of(namespace_names())},
               {"capabilities", names_of(capability_names())},
               {"cgroup",
                {{"v1", applied.cgroup_v1},
                 {"v2", applied.cgroup_v2},
                 {"systemd", applied.cgroup_systemd},
                 {"systemdUser", applied.cgroup_systemd_user},
                 {"rdma", applied.cgroup_rdma}}},
               {"seccomp", make_seccomp(applied)},
               {"apparmor", enabled(applied.apparmor)},
               {"selinux", enabled(applied.selinux)},
               {"intelRdt", enabled(applied.intel_rdt)},
               {"mountExtensions", {{"idmap", enabled(applied.idmapped_mounts)}}},
               {"netDevices", enabled(applied.net_devices)}};
  if (applied.memory_policy)
    section["memoryPolicy"] = {{"modes", names_of(memory_policy_mode_names())},
                               {"flags", names_of(memory_policy_flag_names())}};
  return section;
}

}  // namespace

std::string make_features(const AppliedFeatures& applied) {
  Json features{{"ociVersionMin", "1.0.0"},
                {"ociVersionMax", "1.3.0"},
                {"hooks", words(hook_names())},
                {"mountOptions", words(mount_option_names())},
                {"linux", make_linux(applied)}};
  if (!applied.annotations.empty()) features["annotations"] = applied.annotations;
  // A bundle's author may not choose the policy that holds it.
  features["potentiallyUnsafeConfigAnnotations"] = {"dev.yett."};
  return features.dump(2) + "\n";
}

}  // namespace yett::oci

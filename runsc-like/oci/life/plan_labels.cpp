#include "runsc-like/oci/life/plan_labels.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace yett::oci {
namespace {

// The kernel labels what is in these by itself, and takes no context for them.
bool takes_context(const ContainerMount& mount) {
  constexpr std::array<std::string_view, 5> kLabelled{"proc", "sysfs", "cgroup", "cgroup2",
                                                      "mqueue"};
  return mount.kind == ContainerMountKind::filesystem &&
         std::ranges::find(kLabelled, mount.filesystem) == kLabelled.end();
}

bool has_context(const ContainerMount& mount) {
  return std::ranges::any_of(mount.options, [](const auto& option) {
    return option.first == "context" || option.first == "fscontext" ||
           option.first == "defcontext" || option.first == "rootcontext";
  });
}

std::unexpected<Error> missing(const char* where, const char* system) {
  return fail(host_error(where, std::string("this host has no ") + system, "leave it out"));
}

}  // namespace

Status check_labels(const ContainerProcess& process, const LabelFeatures& host) {
  if (!process.apparmor_profile.empty() && !host.apparmor)
    return missing("/process/apparmorProfile", "AppArmor");
  if (!process.selinux_label.empty() && !host.selinux)
    return missing("/process/selinuxLabel", "SELinux");
  return {};
}

Status plan_mount_label(const std::string& label, const LabelFeatures& host, ContainerPlan& plan) {
  if (label.empty()) return {};
  if (!host.selinux) return missing("/linux/mountLabel", "SELinux");
  for (ContainerMount& mount : plan.mounts)
    if (takes_context(mount) && !has_context(mount)) mount.options.emplace_back("context", label);
  return {};
}

}  // namespace yett::oci

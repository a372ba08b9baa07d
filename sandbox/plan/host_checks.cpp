#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "sandbox/plan/plan_steps.hpp"

namespace yett {
namespace {

struct NamedFeature {
  std::string_view name;
  Feature KernelFeatures::* feature;
};

constexpr std::array kFeatures{
    NamedFeature{"bpf-lsm", &KernelFeatures::bpf_lsm},
    NamedFeature{"cgroup-bpf", &KernelFeatures::cgroup_bpf},
    NamedFeature{"supervisor", &KernelFeatures::seccomp_notify},
    NamedFeature{"wait-killable", &KernelFeatures::seccomp_wait_killable},
    NamedFeature{"sync-wake-up", &KernelFeatures::seccomp_sync_wake_up},
    NamedFeature{"idmapped-mounts", &KernelFeatures::idmapped_mounts},
    NamedFeature{"memfd-noexec", &KernelFeatures::memfd_noexec_sysctl},
    NamedFeature{"overlay", &KernelFeatures::overlay},
    NamedFeature{"squashfs", &KernelFeatures::squashfs},
    NamedFeature{"erofs", &KernelFeatures::erofs},
};
constexpr std::string_view kLandlock = "landlock";

std::string all_names() {
  std::string names(kLandlock);
  for (const NamedFeature& each : kFeatures) names += fmt::format(", {}", each.name);
  return names;
}

Error unknown_name(std::string_view name) {
  std::vector<std::string_view> names{kLandlock};
  for (const NamedFeature& each : kFeatures) names.push_back(each.name);
  const auto nearest = nearest_name(name, names);
  return request_error(fmt::format("--require {}", escape_for_terminal(name)),
                       "there is no such protection",
                       nearest ? fmt::format("did you mean '{}'?", *nearest)
                               : fmt::format("known: {}", all_names()));
}

// "landlock", or "landlock-6" for at least that ABI.
Status require_landlock(std::string_view name, int abi) {
  std::uint64_t wanted = 1;
  if (name.size() > kLandlock.size()) {
    const auto number = parse_decimal(name.substr(kLandlock.size() + 1), 99);
    if (!number || name[kLandlock.size()] != '-') return fail(unknown_name(name));
    wanted = *number;
  }
  if (static_cast<std::uint64_t>(abi) >= wanted) return {};
  return fail(host_error(fmt::format("--require {}", name),
                         abi == 0 ? "this kernel has no Landlock"
                                  : fmt::format("this kernel's Landlock is ABI {}", abi),
                         "see yett doctor"));
}

Status require(std::string_view name, const KernelFeatures& features) {
  if (name.starts_with(kLandlock)) return require_landlock(name, features.landlock_abi);
  for (const NamedFeature& each : kFeatures) {
    if (each.name != name) continue;
    const Feature& feature = features.*each.feature;
    if (feature.usable) return {};
    return fail(host_error(fmt::format("--require {}", name),
                           feature.detail.empty() ? "it does not work here" : feature.detail,
                           "see yett doctor"));
  }
  return fail(unknown_name(name));
}

}  // namespace

Error full_mode_needs_root() {
  return host_error("--mode full", "it needs root in the initial user namespace",
                    "run yett as root");
}

Result<Mode> choose_mode(const PlanInputs& inputs) {
  const KernelFeatures& features = inputs.features;
  const Mode asked = inputs.request.mode;
  const bool is_any_root = features.is_root || features.is_namespace_root;
  if ((asked == Mode::rootless && features.is_root) || (asked == Mode::fallback && is_any_root))
    return fail(host_error(fmt::format("--mode {}", mode_name(asked)),
                           "a sandbox has its user's id on the host, and that is root's here",
                           "run yett as an ordinary user"));
  if (features.is_root) return Mode::full;
  if (asked == Mode::full) return fail(full_mode_needs_root());
  if (features.is_namespace_root) return Mode::rootless;
  if (asked != Mode::rootless) return Mode::fallback;
  return fail(host_error("mode rootless",
                         features.user_namespaces.usable
                             ? "it needs CAP_SYS_ADMIN in its user namespace"
                             : features.user_namespaces.detail,
                         "see yett doctor"));
}

Status check_host(const PlanInputs& inputs) {
  const KernelFeatures& features = inputs.features;
  if (!inputs.policy.unrestricted && !features.seccomp_notify.usable)
    return fail(host_error(
        "filter", "seccomp cannot notify the supervisor here: " + features.seccomp_notify.detail,
        "Linux 5.5 or newer; see yett doctor"));
  for (const std::string& name : inputs.request.require) YETT_CHECK(require(name, features));
  return {};
}

std::vector<std::string> backends_of(const PlanInputs& inputs, const SandboxPlan& plan) {
  std::vector<std::string> names;
  if (plan.mode != Mode::fallback) names.emplace_back("mount tree");
  if (plan.filter.installed) {
    names.emplace_back("filter");
    names.emplace_back("supervisor");
  }
  if (plan.lsm.labelled) names.emplace_back("bpf-lsm");
  if (plan.cgroup_bpf.attached) names.emplace_back("cgroup-bpf");
  if (plan.landlock.applied) names.push_back(fmt::format("landlock-{}", plan.landlock.abi));
  if (plan.cgroup.wanted)
    names.emplace_back(inputs.features.cgroup.layout == CgroupLayout::v2       ? "cgroup-v2"
                       : inputs.features.cgroup.layout == CgroupLayout::hybrid ? "cgroup-hybrid"
                                                                               : "cgroup-v1");
  return names;
}

}  // namespace yett

#include "runsc-like/cli/host_report.hpp"

#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace yett {
namespace {

// What a Feature of KernelFeatures is good for.
struct Knowledge {
  const char* name;
  Feature KernelFeatures::* member;
  Need need;
  const char* gives;
  const char* without;
  const char* mend;
  const char* kernel_options;
};

constexpr std::array kKnowledge{
    Knowledge{"user namespaces", &KernelFeatures::user_namespaces, Need::full_mode,
              "the sandbox's users are nobody outside", "yett run does not start",
              "sysctl user.max_user_namespaces=65536; on Ubuntu also "
              "kernel.apparmor_restrict_unprivileged_userns=0",
              "CONFIG_USER_NS"},
    Knowledge{"seccomp notification", &KernelFeatures::seccomp_notify, Need::full_mode,
              "the filter, and the supervisor behind it", "yett run does not start",
              "a kernel of 5.9 or later, and no other supervisor's filter above this process",
              "CONFIG_SECCOMP_FILTER"},
    Knowledge{"seccomp wait-killable", &KernelFeatures::seccomp_wait_killable, Need::hardening,
              "a supervised call is never answered twice after a signal",
              "signals interrupt supervised calls", "a kernel of 5.19 or later", ""},
    Knowledge{"seccomp sync wake-up", &KernelFeatures::seccomp_sync_wake_up, Need::hardening,
              "a supervised call in about 3 us", "a supervised call takes 14 to 100 us",
              "a kernel of 6.6 or later", ""},
    Knowledge{"BPF LSM", &KernelFeatures::bpf_lsm, Need::hardening,
              "rules on the kernel's own objects: exec of written files, io_uring, received fds",
              "mounts, filter and Landlock hold the rules alone; --require=bpf-lsm fails",
              "boot with lsm=landlock,lockdown,yama,bpf, without lockdown",
              "CONFIG_BPF_LSM CONFIG_DEBUG_INFO_BTF CONFIG_LSM=...,bpf"},
    Knowledge{"cgroup-BPF", &KernelFeatures::cgroup_bpf, Need::one_use,
              "connect and listen rules by address", "a policy with network rules is refused",
              "mount cgroup2 somewhere; CAP_BPF or root", "CONFIG_CGROUP_BPF CONFIG_BPF_SYSCALL"},
    Knowledge{"overlay", &KernelFeatures::overlay, Need::full_mode,
              "writes go to a layer, images stay as they are", "yett run of images does not start",
              "modprobe overlay", "CONFIG_OVERLAY_FS"},
    Knowledge{"squashfs", &KernelFeatures::squashfs, Need::one_use, "squashfs packages",
              "yett run app.sqfs fails", "modprobe squashfs; or pack as EROFS",
              "CONFIG_SQUASHFS CONFIG_SQUASHFS_ZSTD"},
    Knowledge{"loop devices", &KernelFeatures::loop_devices, Need::one_use,
              "mounts squashfs packages", "yett run app.sqfs fails",
              "modprobe loop; inside a container give it /dev/loop-control and /dev/loop*",
              "CONFIG_BLK_DEV_LOOP"},
    Knowledge{"EROFS", &KernelFeatures::erofs, Need::one_use, "EROFS packages",
              "yett run app.erofs fails", "modprobe erofs; or pack as squashfs",
              "CONFIG_EROFS_FS CONFIG_EROFS_FS_ZIP"},
    Knowledge{"EROFS without loop", &KernelFeatures::erofs_file_backed, Need::hardening,
              "EROFS packages mounted from the file, 0.7 instead of 3 ms",
              "EROFS packages go through a loop device", "a kernel of 6.12 or later",
              "CONFIG_EROFS_FS_BACKED_BY_FILE"},
    Knowledge{"idmapped mounts", &KernelFeatures::idmapped_mounts, Need::one_use,
              "a volume's files belong to the sandbox's user",
              "a volume keeps the host's owners: named ones can be written, others rarely",
              "a kernel of 5.12 (volumes on tmpfs: 6.3) or later", ""},
    Knowledge{"memfd_noexec", &KernelFeatures::memfd_noexec_sysctl, Need::hardening,
              "no exec of memory files, held by the kernel",
              "held by the filter alone (or BPF LSM)", "a kernel of 6.3 or later",
              "CONFIG_SYSCTL CONFIG_MEMFD_CREATE"},
};

bool refused_for_privilege(const KernelFeatures& features, const Feature& feature) {
  return !features.is_root && (feature.detail.find(std::strerror(EPERM)) != std::string::npos ||
                               feature.detail.find(std::strerror(EACCES)) != std::string::npos);
}

// What only root of the host can have the kernel do, is done in another way.
bool is_unpacked(const KernelFeatures& features, const Knowledge& known) {
  return features.is_namespace_root &&
         (known.member == &KernelFeatures::squashfs || known.member == &KernelFeatures::erofs ||
          known.member == &KernelFeatures::loop_devices);
}

HostRow describe(const KernelFeatures& features, const Knowledge& known) {
  const Feature& feature = features.*known.member;
  return {.name = known.name,
          .there = feature.usable,
          .detail = feature.detail,
          .need = known.need,
          .gives = known.gives,
          .without = is_unpacked(features, known) ? "packages are unpacked once, into ~/.cache/yett"
                                                  : known.without,
          .mend = refused_for_privilege(features, feature) ? "run yett as root" : known.mend,
          .kernel_options = known.kernel_options};
}

HostRow describe_namespace_privilege() {
  return {.name = "privilege",
          .there = true,
          .detail = "root of a user namespace of its own",
          .need = Need::full_mode,
          .gives = "mounts and id maps for the sandbox, but no cgroups",
          .without = {},
          .mend = {},
          .kernel_options = {}};
}

HostRow describe_privilege(const KernelFeatures& features) {
  if (features.is_namespace_root) return describe_namespace_privilege();
  const bool admin = ((features.capabilities >> CAP_SYS_ADMIN) & 1) != 0;
  return {.name = "privilege",
          .there = admin && features.is_root,
          .detail = features.is_root ? (admin ? "root" : "root without CAP_SYS_ADMIN")
                                     : "not root of the machine",
          .need = Need::full_mode,
          .gives = "mounts, id maps and cgroups for the sandbox",
          .without = can_fall_back(features) && !features.is_root
                         ? "the fallback mode: no namespaces, the host's own tree alone"
                         : "yett run does not start",
          .mend = "run yett as root, for instance with sudo",
          .kernel_options = {}};
}

HostRow describe_landlock(const KernelFeatures& features) {
  const int abi = features.landlock_abi;
  return {.name = "Landlock",
          .there = abi > 0,
          .detail = abi > 0 ? "ABI " + std::to_string(abi) : "landlock_create_ruleset refused",
          .need = Need::hardening,
          .gives = abi >= 6 ? "file, TCP, signal and abstract-socket rules as a second layer"
                   : abi >= 4
                       ? "file and TCP rules as a second layer (signals and abstract sockets: "
                         "ABI 6, kernel 6.12)"
                       : "file rules as a second layer (TCP: ABI 4, kernel 6.7)",
          .without = "mounts and the filter hold the rules alone",
          .mend = "boot with lsm=landlock,...",
          .kernel_options = "CONFIG_SECURITY_LANDLOCK CONFIG_LSM=landlock,..."};
}

HostRow describe_controller(const KernelFeatures& features, const char* controller,
                            const char* limit, const char* option) {
  const auto v1 = features.cgroup.v1_mounts.find(controller);
  const bool in_v1 = v1 != features.cgroup.v1_mounts.end();
  const bool there = in_v1 || features.cgroup.v2_controllers.contains(controller);
  return {.name = std::string("cgroup ") + controller,
          .there = there,
          .detail = in_v1 ? "v1, " + v1->second
                          : (there ? "v2, " + features.cgroup.v2_mount : "no such controller"),
          .need = Need::one_use,
          .gives = limit,
          .without = std::string("a policy with such a limit is refused"),
          .mend = std::string("boot without cgroup_disable=") + controller +
                  "; mount -t cgroup2 cgroup2 /sys/fs/cgroup",
          .kernel_options = option};
}

const char* layout_name(CgroupLayout layout) {
  switch (layout) {
    case CgroupLayout::none:
      return "no hierarchy is mounted";
    case CgroupLayout::v1:
      return "v1";
    case CgroupLayout::hybrid:
      return "hybrid: limits in v1, killing and BPF in v2";
    case CgroupLayout::v2:
      return "v2";
  }
  return "";
}

std::string layout_text(const KernelFeatures& features) {
  const CgroupFeatures& cgroup = features.cgroup;
  if (!features.is_namespace_root) return layout_name(cgroup.layout);
  return cgroup.layout == CgroupLayout::none ? "none is delegated to you"
                                             : "delegated to you: " + cgroup.v2_mount;
}

HostRow describe_layout(const KernelFeatures& features) {
  return {.name = "cgroups",
          .there = features.cgroup.layout != CgroupLayout::none,
          .detail = layout_text(features),
          .need = Need::one_use,
          .gives = "limits, and killing a sandbox as one",
          .without = features.is_namespace_root
                         ? "processes are counted by an rlimit, memory and time by the supervisor"
                         : "no limit but rlimits; a policy with such limits is refused",
          .mend = features.is_namespace_root
                      ? "systemd-run --user --scope -p Delegate=yes yett ..., or run yett as root"
                      : "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
          .kernel_options = "CONFIG_CGROUPS"};
}

std::string find_in_path(std::string_view program) {
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable != nullptr ? variable : "/usr/sbin:/usr/bin:/sbin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string path = std::string(rest.substr(0, end)) + "/" + std::string(program);
    if (end > 0 && ::access(path.c_str(), X_OK) == 0) return path;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

}  // namespace

std::vector<HostRow> describe_host(const KernelFeatures& features) {
  std::vector<HostRow> rows;
  const bool limits_by_cgroup = !features.is_namespace_root;
  rows.push_back(describe_privilege(features));
  for (const Knowledge& known : kKnowledge) rows.push_back(describe(features, known));
  rows.push_back(describe_landlock(features));
  rows.push_back(describe_layout(features));
  if (limits_by_cgroup) {
    rows.push_back(describe_controller(features, "memory", "-m", "CONFIG_MEMCG"));
    rows.push_back(describe_controller(features, "pids", "--pids", "CONFIG_CGROUP_PIDS"));
    rows.push_back(describe_controller(features, "cpu", "--cpus", "CONFIG_CFS_BANDWIDTH"));
  }
  std::ranges::stable_sort(rows, {}, &HostRow::need);
  return rows;
}

bool can_fall_back(const KernelFeatures& features) {
  return features.seccomp_notify.usable && features.landlock_abi >= kFallbackLandlock;
}

std::optional<Mode> working_mode(const KernelFeatures& features, const std::vector<HostRow>& rows) {
  if (!std::ranges::all_of(
          rows, [](const HostRow& row) { return row.there || row.need != Need::full_mode; })) {
    if (!features.is_root && can_fall_back(features)) return Mode::fallback;
    return std::nullopt;
  }
  return features.is_root ? Mode::full : Mode::rootless;
}

std::vector<std::string> usable_planes(const KernelFeatures& features) {
  std::vector<std::string> planes{"mount tree", "filter"};
  if (features.seccomp_notify.usable) planes.emplace_back("supervisor");
  if (features.cgroup_bpf.usable) planes.emplace_back("cgroup-bpf");
  if (features.bpf_lsm.usable) planes.emplace_back("bpf-lsm");
  if (features.landlock_abi > 0)
    planes.push_back("landlock-" + std::to_string(features.landlock_abi));
  return planes;
}

std::vector<ToolRow> find_tools() {
  std::vector<ToolRow> tools{
      {"mkfs.erofs", "", "yett pack DIR out.erofs", "erofs-utils"},
      {"bwrap", "", "a column of ./dev bench", "bubblewrap"},
      {"qemu-system-x86_64", "", "./dev vm: the tests with BPF LSM in force", "qemu-system-x86"},
  };
  for (ToolRow& tool : tools) tool.path = find_in_path(tool.name);
  return tools;
}

}  // namespace yett

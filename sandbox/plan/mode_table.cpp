#include "sandbox/plan/mode_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "sandbox/plan/planner.hpp"
#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

// ---- the columns: a host for each mode ----------------------------------------------------------

KernelFeatures complete_host() {
  KernelFeatures features;
  features.is_root = true;
  features.landlock_abi = 7;
  for (Feature* feature :
       {&features.user_namespaces, &features.seccomp_notify, &features.seccomp_wait_killable,
        &features.seccomp_sync_wake_up, &features.bpf_lsm, &features.cgroup_bpf, &features.overlay,
        &features.squashfs, &features.erofs, &features.erofs_file_backed, &features.loop_devices,
        &features.idmapped_mounts, &features.memfd_noexec_sysctl})
    feature->usable = true;
  features.cgroup.layout = CgroupLayout::v2;
  features.cgroup.v2_mount = "/sys/fs/cgroup";
  features.cgroup.v2_controllers = {{"memory", true}, {"pids", true}, {"cpu", true}};
  return features;
}

// What a user without rights has of it.
KernelFeatures rootless_host() {
  KernelFeatures features = complete_host();
  features.is_root = false;
  features.is_namespace_root = true;
  features.cgroup = {};
  for (Feature* feature : {&features.bpf_lsm, &features.cgroup_bpf, &features.squashfs,
                           &features.erofs, &features.loop_devices, &features.idmapped_mounts})
    *feature = {};
  return features;
}

// What that user has of it in a container, which gives no namespace.
KernelFeatures fallback_host() {
  KernelFeatures features = rootless_host();
  features.is_namespace_root = false;
  for (Feature* feature : {&features.user_namespaces, &features.overlay,
                           &features.erofs_file_backed, &features.memfd_noexec_sysctl})
    *feature = {};
  return features;
}

struct Column {
  const char* name;
  Mode mode;
  KernelFeatures features;
};

std::vector<Column> columns() {
  return {{"full", Mode::full, complete_host()},
          {"rootless", Mode::rootless, rootless_host()},
          {"fallback", Mode::fallback, fallback_host()}};
}

// ---- the rows: what is asked for, and what the plan says to it ----------------------------------

using Cell = std::string (*)(const SandboxPlan& plan, std::string_view rule);

// The plane of the first rule of that name.
std::string plane_of(const SandboxPlan& plan, std::string_view rule) {
  const auto found = std::ranges::find_if(
      plan.rules, [rule](const PlacedRule& placed) { return placed.rule.starts_with(rule); });
  return found == plan.rules.end() ? "not placed" : plane_name(found->plane);
}

std::string call_of(const SandboxPlan& plan, std::string_view call) {
  const auto found = std::ranges::find(plan.filter.rules, call, &SyscallRule::name);
  const bool refused = found != plan.filter.rules.end() && !found->reachable();
  if (!plan.filter.installed) return "not held";
  return refused ? plane_name(Plane::filter) : plane_name(Plane::supervisor);
}

std::string questions(const SandboxPlan& plan, std::string_view) {
  return plan.ask.opens ? plane_name(Plane::supervisor) : "not held";
}

std::string told(const SandboxPlan& plan, std::string_view) {
  return plan.emulation.sysinfo ? plane_name(Plane::supervisor) : "not told";
}

std::string host_id(const SandboxPlan& plan, std::string_view) {
  return plan.mode != Mode::full ? "the caller's" : "one of its own";
}

std::string owners(const SandboxPlan& plan, std::string_view) {
  if (plan.mode == Mode::fallback) return "the caller's, as they are";
  const auto volume = std::ranges::find(plan.mounts, "/volume", &MountEntry::target);
  if (volume == plan.mounts.end()) return "not there";
  return volume->map_owner ? "mapped to the sandbox's user" : "the caller's, as they are";
}

std::string devices(const SandboxPlan& plan, std::string_view) {
  const auto null = std::ranges::find(plan.mounts, "/dev/null", &MountEntry::target);
  if (null == plan.mounts.end()) return "the host's";
  return null->kind == MountKind::device ? "made" : "the host's, bound";
}

std::string image(const SandboxPlan& plan, std::string_view) {
  return plan.mounts.front().kind == MountKind::root_image ? plane_name(Plane::mount_tree)
                                                           : "not there";
}

std::string kept(const SandboxPlan& plan, std::string_view) {
  if (!plan.redirect.directory.empty()) return plane_name(Plane::supervisor);
  const bool has_upper = std::ranges::any_of(
      plan.mounts, [](const MountEntry& entry) { return !entry.upper.empty(); });
  return has_upper ? plane_name(Plane::mount_tree) : "not kept";
}

struct Row {
  const char* what;
  const char* policy;  // beside `extends = "plugin"`
  std::string_view rule;
  Cell cell = plane_of;
};

constexpr std::array kRows{
    Row{"`[files] read`, `-v A:B:ro`", "[files]\nread = [\"/srv\"]", "files.read"},
    Row{"`[files] write`, `-v A:B`", "[files]\nwrite = [\"/srv\"]", "files.write"},
    Row{"`[files] exec`", "[files]\nexec = [\"/usr/bin\"]", "files.exec"},
    Row{"`[files] deny`", "[files]\nread = [\"/srv\"]\ndeny = [\"/srv/a\"]", "files.deny"},
    Row{"`[files] tmpfs`", "[files]\ntmpfs = { \"/tmp\" = \"64M\" }", "files.tmpfs"},
    Row{"`--overlay DIR`", "[exec]\nwritten_files = true", "", kept},
    Row{"all other files of the host", "", "files: all else"},
    Row{"no set-id bits on the host", "[files]\nwrite = [\"/srv\"]", "files.set_ids"},
    Row{"`[exec] written_files = false`", "", "exec.written_files"},
    Row{"`[exec] memfd = false`", "", "exec.memfd"},
    Row{"`[network] mode = \"none\"`", "", "network.mode"},
    Row{"`connect` in the host's network, a port",
        "[network]\nmode = \"host\"\nconnect = [\"tcp://*:443\"]", "network.connect"},
    Row{"`connect` in the host's network, an address",
        "[network]\nmode = \"host\"\nconnect = [\"tcp://10.0.0.1:443\"]", "network.connect"},
    Row{"`connect` in the host's network, UDP",
        "[network]\nmode = \"host\"\nconnect = [\"udp://10.0.0.1:53\"]", "network.connect"},
    Row{"`connect` without a network of its own", "[network]\nconnect = [\"tcp://10.0.0.1:443\"]",
        "network.connect"},
    Row{"`connect` by host name", "[network]\nconnect = [\"tcp://example.com:443\"]",
        "network.connect"},
    Row{"`listen` in the host's network, a port",
        "[network]\nmode = \"host\"\nlisten = [\"tcp://*:8080\"]", "network.listen"},
    Row{"abstract sockets and signals toward others", "", "abstract sockets"},
    Row{"`[syscalls] deny`", "[syscalls]\ndeny = [\"getppid\"]", "getppid", call_of},
    Row{"`[limits] memory`, `-m`", "[limits]\nmemory = \"64M\"", "limits.memory"},
    Row{"`[limits] swap`", "[limits]\nmemory = \"64M\"\nswap = 0", "limits.swap"},
    Row{"`[limits] cpu`, `--cpus`", "[limits]\ncpu = 0.5", "limits.cpu"},
    Row{"`[limits] pids`, `--pids`", "[limits]\npids = 32", "limits.pids"},
    Row{"`[limits] open_files`", "[limits]\nopen_files = 64", "limits.open_files"},
    Row{"`[limits] file_size`", "[limits]\nfile_size = \"1M\"", "limits.file_size"},
    Row{"`[limits] disk`", "[limits]\ndisk = \"64M\"", "limits.disk"},
    Row{"`[limits] wall`, `--time`", "[limits]\nwall = \"1m\"", "limits.wall"},
    Row{"`[on] violation = \"ask\"`", "[on]\nviolation = \"ask\"", "", questions},
    Row{"the limits as the machine's size", "[limits]\nmemory = \"64M\"", "", told},
    Row{"privileges", "", "privileges"},
    Row{"a package or a directory as the root", "", "", image},
    Row{"the sandbox's id on the host", "", "", host_id},
    Row{"owners of a volume's files", "", "", owners},
    Row{"devices", "", "", devices},
};

Result<SandboxPlan> plan_of(const Row& row, const Column& column) {
  YETT_TRY(const Policy policy,
           parse_policy(fmt::format("extends = \"plugin\"\n{}\n", row.policy), "policy.toml"));
  SandboxRequest request{.command = {"true"}};
  request.mode = column.mode;
  if (row.cell == kept) request.overlay_dir = "/var/kept";
  if (row.cell == image || (row.cell == kept && column.mode != Mode::fallback)) {
    request.image_kind = ImageKind::directory;
    request.image_path = "/srv/app";
  }
  if (row.cell == owners)
    request.volumes = {
        {.source = "/srv", .target = column.mode == Mode::fallback ? "/srv" : "/volume"}};
  const PlanContext context{
      .identity_seed = 1,
      .host_root_entries = {"bin -> usr/bin", "etc", "home", "lib64 -> usr/lib64", "srv", "usr"},
      .keeps_owners = {},
      .caller_uid = 1000,
      .caller_gid = 1000,
      .work_directory = "/tmp/yett-1",
      .runs = nullptr};
  return make_plan(request, policy, column.features, context);
}

std::string cell_text(const Row& row, const Column& column) {
  const auto plan = plan_of(row, column);
  if (plan) return row.cell(*plan, row.rule);
  const Error& error = plan.error();
  return "the launch ends: " + error.detail;
}

}  // namespace

std::string mode_table() {
  const std::vector<Column> all = columns();
  std::string head = "| what is asked for |";
  std::string line = "|---|";
  for (const Column& column : all) {
    head += fmt::format(" {} |", column.name);
    line += "---|";
  }
  std::string text = head + "\n" + line + "\n";
  for (const Row& row : kRows) {
    text += fmt::format("| {} |", row.what);
    for (const Column& column : all) text += fmt::format(" {} |", cell_text(row, column));
    text += "\n";
  }
  return text;
}

}  // namespace yett

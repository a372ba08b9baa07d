// What the sandbox is told of the machine it runs on: its limits as the machine's own figures.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "sandbox/plan/plan_steps.hpp"
#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

constexpr std::string_view kOnline = "/sys/devices/system/cpu/online";
constexpr std::string_view kLxcfs = "/var/lib/lxcfs";

SyscallRule* find_rule(FilterPlan& filter, std::string_view name) {
  const auto found = std::ranges::find(filter.rules, name, &SyscallRule::name);
  return found == filter.rules.end() ? nullptr : &*found;
}

bool is_notified(FilterPlan& filter, std::string_view name) {
  const SyscallRule* rule = find_rule(filter, name);
  return rule != nullptr && rule->action == SyscallAction::notify;
}

// Told to a program that asks what it may use; what it may run on stays with the kernel.
void tell_affinity(const PlanInputs& inputs, SandboxPlan& plan) {
  if (const auto& cpus = inputs.policy.limits.cpus)
    plan.emulation.cpus = static_cast<unsigned>(std::ceil(*cpus));
  SyscallRule* rule = find_rule(plan.filter, "sched_getaffinity");
  if (plan.emulation.cpus != 0 && rule != nullptr && rule->action == SyscallAction::allow) {
    rule->action = SyscallAction::notify;
    rule->reason = "tells as many CPUs as limits.cpu gives";
  }
}

// "6.18.5-1-amd64" -> "6.18.0": new enough for its C library, and nothing of the host's patches.
std::string default_release(std::string_view running) {
  const std::size_t point = running.find('.');
  if (point == std::string_view::npos) return "6.1.0";
  return std::string(running.substr(0, running.find_first_not_of("0123456789", point + 1))) + ".0";
}

void tell_uname(const PlanInputs& inputs, SandboxPlan& plan) {
  const TruthPolicy& truth = inputs.policy.truth;
  EmulationPlan& told = plan.emulation;
  told.uname = is_notified(plan.filter, "uname");
  if (!told.uname) return;
  told.release = truth.release.empty() ? default_release(inputs.features.release) : truth.release;
  told.version = truth.version.empty() ? "#1 SMP" : truth.version;
  told.machine = truth.machine.empty() ? "x86_64" : truth.machine;
}

MountEntry truth_entry(std::string source, std::string target) {
  return {.kind = MountKind::truth, .target = std::move(target), .source = std::move(source)};
}

MountEntry lxcfs_entry(std::string_view path) {
  return read_only_bind(std::string(kLxcfs).append(path), std::string(path), Executable::no);
}

bool is_shown(const SandboxPlan& plan, std::string_view directory) {
  return std::ranges::any_of(
      plan.mounts, [&](const MountEntry& entry) { return is_within(entry.target, directory); });
}

std::vector<MountEntry> proc_entries(const SandboxPlan& plan) {
  std::vector<MountEntry> entries;
  const auto add = [&entries](std::string_view name) {
    entries.push_back(truth_entry("proc/" + std::string(name), "/proc/" + std::string(name)));
  };
  for (const char* name : {"stat", "loadavg", "uptime"}) add(name);
  if (plan.cgroup.memory_bytes)
    for (const char* name : {"meminfo", "swaps"}) add(name);
  if (plan.cgroup.cpus) add("cpuinfo");
  return entries;
}

std::vector<MountEntry> uname_entries() {
  return {truth_entry("proc/version", "/proc/version"),
          truth_entry("proc/osrelease", "/proc/sys/kernel/osrelease"),
          truth_entry("proc/os_version", "/proc/sys/kernel/version")};
}

// The whole of /sys where the sandbox has none; the one file that counts where it has the host's.
void add_sys(SandboxPlan& plan) {
  if (!is_shown(plan, "/sys")) return plan.mounts.push_back(truth_entry("sys", "/sys"));
  MountEntry online = truth_entry(std::string(kOnline.substr(1)), std::string(kOnline));
  online.optional = true;
  plan.mounts.push_back(std::move(online));
}

// Around /proc: below it lies the tree from which files are taken once it is mounted.
void add_files(SandboxPlan& plan, std::vector<MountEntry> over_proc) {
  const auto proc = std::ranges::find(plan.mounts, MountKind::proc, &MountEntry::kind);
  const auto after = plan.mounts.insert(proc, {.kind = MountKind::truth_tree, .target = "/proc"});
  plan.mounts.insert(after + 2, std::make_move_iterator(over_proc.begin()),
                     std::make_move_iterator(over_proc.end()));
}

void add_lxcfs(SandboxPlan& plan) {
  for (const char* path : {"/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/uptime",
                           "/proc/swaps", "/proc/loadavg"})
    plan.mounts.push_back(lxcfs_entry(path));
  plan.mounts.push_back(lxcfs_entry(kOnline));
}

}  // namespace

void plan_truth(const PlanInputs& inputs, SandboxPlan& plan) {
  const ResourceTruth resources = inputs.policy.truth.resources;
  // Reads of files are announced to the host's root alone: fanotify_init(2).
  const bool limited = !is_rootless(inputs) && (plan.cgroup.memory_bytes || plan.cgroup.cpus);
  if (resources != ResourceTruth::host) tell_affinity(inputs, plan);
  plan.emulation.affinity = is_notified(plan.filter, "sched_getaffinity");
  tell_uname(inputs, plan);
  if (limited && resources == ResourceTruth::lxcfs) add_lxcfs(plan);
  const bool told = limited && resources == ResourceTruth::limits;
  plan.emulation.files = told || plan.emulation.uname;
  if (!plan.emulation.files) return;
  std::vector<MountEntry> over_proc = told ? proc_entries(plan) : std::vector<MountEntry>{};
  if (plan.emulation.uname) std::ranges::move(uname_entries(), std::back_inserter(over_proc));
  add_files(plan, std::move(over_proc));
  if (told) add_sys(plan);
}

}  // namespace yett

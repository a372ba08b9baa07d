#include "sandbox/plan/plan_changes.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>

namespace yett {
namespace {

constexpr const char* kStartAgain = "start it again with this policy";

Error cannot_change(std::string subject, std::string_view detail,
                    std::string_view mend = kStartAgain) {
  return request_error(std::move(subject), std::string(detail), std::string(mend));
}

// ---- mounts, namespaces and what else was made at the start -------------------------------------

bool same_mount(const MountEntry& left, const MountEntry& right) {
  return left.kind == right.kind && left.target == right.target && left.source == right.source &&
         left.upper == right.upper && left.lower_in_image == right.lower_in_image &&
         left.writable == right.writable && left.executable == right.executable &&
         left.recursive == right.recursive && left.devices == right.devices &&
         left.optional == right.optional && left.map_owner == right.map_owner &&
         left.size_bytes == right.size_bytes && left.file_mode == right.file_mode &&
         left.owned_by_user == right.owned_by_user && left.content == right.content;
}

std::string name_of(const MountEntry& entry) {
  return entry.asked_by.empty() ? "the mount at " + entry.target : entry.asked_by;
}

// The first that one has and the other has not.
const MountEntry* find_other(const std::vector<MountEntry>& in,
                             const std::vector<MountEntry>& among) {
  const auto found = std::ranges::find_if(in, [&](const MountEntry& entry) {
    return std::ranges::none_of(among,
                                [&](const MountEntry& each) { return same_mount(entry, each); });
  });
  return found == in.end() ? nullptr : &*found;
}

Status compare_mounts(const SandboxPlan& started, const SandboxPlan& wanted) {
  constexpr std::string_view kStays = "the mount tree of a sandbox that runs stays as it is";
  if (const MountEntry* fresh = find_other(wanted.mounts, started.mounts))
    return fail(cannot_change(name_of(*fresh), kStays));
  if (const MountEntry* gone = find_other(started.mounts, wanted.mounts))
    return fail(cannot_change(name_of(*gone) + ", which the new policy has not", kStays));
  if (!std::ranges::equal(started.mounts, wanted.mounts, same_mount))
    return fail(cannot_change("[files]", kStays));
  return {};
}

bool same_paths(const std::vector<PathRule>& left, const std::vector<PathRule>& right) {
  return std::ranges::equal(left, right, {}, &PathRule::path, &PathRule::path);
}

bool same_lsm(const LsmPlan& left, const LsmPlan& right) {
  return left.labelled == right.labelled &&
         left.deny_exec_of_written == right.deny_exec_of_written &&
         left.deny_memfd_exec == right.deny_memfd_exec && left.deny_set_ids == right.deny_set_ids &&
         same_paths(left.write, right.write) && same_paths(left.exec, right.exec);
}

bool same_landlock(const LandlockPlan& left, const LandlockPlan& right) {
  const auto same_rule = [](const LandlockPathRule& one, const LandlockPathRule& other) {
    return one.path == other.path && one.access == other.access;
  };
  return left.applied == right.applied && left.handled_fs == right.handled_fs &&
         left.handled_net == right.handled_net && left.scoped == right.scoped &&
         std::ranges::equal(left.paths, right.paths, same_rule) &&
         left.bind_ports == right.bind_ports && left.connect_ports == right.connect_ports;
}

bool same_sysctls(const NamespacePlan& left, const NamespacePlan& right) {
  return std::ranges::equal(left.sysctls, right.sysctls,
                            [](const SysctlEntry& one, const SysctlEntry& other) {
                              return one.path == other.path && one.value == other.value;
                            });
}

bool same_questions(const AskPlan& left, const AskPlan& right) {
  return left.opens == right.opens && left.within == right.within && left.never == right.never &&
         left.patience == right.patience;
}

// Beside the figures that are told, which are the limits' own.
bool same_emulation(const EmulationPlan& left, const EmulationPlan& right) {
  return left.sysinfo == right.sysinfo && left.setrlimit == right.setrlimit &&
         left.affinity == right.affinity && left.files == right.files &&
         left.uname == right.uname && left.release == right.release &&
         left.version == right.version && left.machine == right.machine &&
         (left.cpus == 0) == (right.cpus == 0) && left.tmpfs_bytes == right.tmpfs_bytes &&
         left.tmpfs_executable == right.tmpfs_executable;
}

Status compare_fixed(const SandboxPlan& started, const SandboxPlan& wanted) {
  const std::string& name = wanted.policy_name;
  if (started.filter.installed != wanted.filter.installed)
    return fail(cannot_change(name, "one has a filter and the other has none"));
  if (started.namespaces.network != wanted.namespaces.network)
    return fail(cannot_change(name + ": [network] mode", "a sandbox keeps its network namespace"));
  if (started.violation != wanted.violation &&
      (started.violation == ViolationAction::ask || wanted.violation == ViolationAction::ask))
    return fail(cannot_change(name + ": [on] violation", "who asks is part of the filter"));
  if (!same_questions(started.ask, wanted.ask))
    return fail(cannot_change(name + ": [on] ask_time, [files] ask or deny",
                              "what is asked about is fixed at the start"));
  if (!same_sysctls(started.namespaces, wanted.namespaces))
    return fail(cannot_change(name + ": [exec] memfd", "it is fixed when the sandbox starts"));
  if (started.supervisor_loss != wanted.supervisor_loss)
    return fail(cannot_change(name + ": [on] supervisor_loss", "it is fixed at the start"));
  if (started.wall != wanted.wall)
    return fail(cannot_change(name + ": [limits] wall", "its clock runs already"));
  return {};
}

// ---- calls --------------------------------------------------------------------------------------

const SyscallRule* find_rule(const FilterPlan& filter, std::uint32_t number) {
  const auto found = std::ranges::lower_bound(filter.rules, number, {}, &SyscallRule::number);
  return found != filter.rules.end() && found->number == number ? &*found : nullptr;
}

bool same_conditions(const SyscallRule& left, const SyscallRule& right) {
  return std::ranges::equal(left.when, right.when, [](ArgumentChecks one, ArgumentChecks other) {
    return std::ranges::equal(one, other);
  });
}

// Does the filter that is in force give this answer to the supervisor to say?
bool is_told(SyscallAction action, const SyscallRule& rule, const FilterPlan& filter) {
  return action == SyscallAction::notify ||
         (action == SyscallAction::refuse && filter.audited_refusals && !rule.quiet);
}

bool can_be_said(SyscallAction action) {
  return action == SyscallAction::allow || action == SyscallAction::refuse;
}

// The supervisor can say what it is asked about, and the filter's own answers stay what they are.
// SECURITY(swap-filter): what the filter lets pass unseen, the new rule must let pass as well.
bool can_become(const SyscallRule& held, const SyscallRule& wanted, const FilterPlan& filter) {
  const bool first_told = is_told(held.action, held, filter);
  const bool second_told = held.when.empty() || is_told(held.otherwise, held, filter);
  const bool live = std::ranges::binary_search(filter.live, held.number);
  if (live || (first_told && second_told))
    return can_be_said(wanted.action) && (wanted.when.empty() || can_be_said(wanted.otherwise));
  if (held.when.empty())
    return wanted.when.empty() && wanted.action == held.action && wanted.quiet == held.quiet;
  if (wanted.when.empty())
    return second_told && held.action == SyscallAction::allow &&
           wanted.action == SyscallAction::allow;
  if (!same_conditions(held, wanted)) return false;
  if (!second_told) return wanted.otherwise == held.otherwise && can_be_said(wanted.action);
  return wanted.action == held.action && can_be_said(wanted.otherwise);
}

bool same_rule(const SyscallRule& left, const SyscallRule& right) {
  return left.action == right.action && left.quiet == right.quiet &&
         left.refuse_errno == right.refuse_errno && same_conditions(left, right) &&
         (left.when.empty() || left.otherwise == right.otherwise);
}

std::string place_of(const SyscallRule& held, const SyscallRule& wanted) {
  const SyscallRule& written = wanted.source.line != 0 ? wanted : held;
  return fmt::format("{}: syscalls: {}", written.source.text(), written.name);
}

Status compare_call(const SyscallRule& held, const SyscallRule& wanted, const FilterPlan& filter) {
  if (same_rule(held, wanted) || can_become(held, wanted, filter)) return {};
  if (wanted.action == SyscallAction::notify || held.action == SyscallAction::notify)
    return fail(cannot_change(place_of(held, wanted), "what is emulated is fixed at the start"));
  return fail(cannot_change(
      place_of(held, wanted),
      "the filter in force answers this call itself, and no filter can be changed",
      "start it with live = true and the call in [syscalls] allow, or with this policy"));
}

Status compare_calls(const FilterPlan& filter, const FilterPlan& wanted) {
  for (const SyscallRule& held : filter.rules) {
    const SyscallRule unnamed{
        .name = held.name, .number = held.number, .quiet = true, .refuse_errno = held.refuse_errno};
    const SyscallRule* rule = find_rule(wanted, held.number);
    YETT_CHECK(compare_call(held, rule != nullptr ? *rule : unnamed, filter));
  }
  for (const SyscallRule& rule : wanted.rules)
    if (rule.reachable() && find_rule(filter, rule.number) == nullptr)
      return fail(cannot_change(place_of(rule, rule), "the filter in force does not know it"));
  return {};
}

// ---- the rest -----------------------------------------------------------------------------------

bool same_endpoints(const std::vector<EndpointRule>& left, const std::vector<EndpointRule>& right) {
  return std::ranges::equal(left, right, {}, &EndpointRule::text, &EndpointRule::text);
}

const EndpointRule* first_of(const SandboxPlan& plan) {
  if (!plan.cgroup_bpf.connect.empty()) return &plan.cgroup_bpf.connect.front();
  return plan.cgroup_bpf.listen.empty() ? nullptr : &plan.cgroup_bpf.listen.front();
}

Status compare_network(const SandboxPlan& started, const SandboxPlan& wanted) {
  const EndpointRule* rule = first_of(wanted);
  const std::string name =
      rule == nullptr ? wanted.policy_name + ": [network]"
                      : fmt::format("{}: network rule {}", rule->source.text(), rule->text);
  if (started.broker.sockets != wanted.broker.sockets ||
      started.cgroup_bpf.attached != wanted.cgroup_bpf.attached)
    return fail(cannot_change(name, "the sandbox was started without any network rule",
                              "start it with live = true, or with this policy"));
  if (started.broker.name_server != wanted.broker.name_server)
    return fail(cannot_change(name, "the sandbox was started without a name server",
                              "start it with live = true, or with this policy"));
  return {};
}

// Those of processes that run stay as they are. The number of processes is the cgroup's, too.
bool same_rlimits(const std::vector<RlimitEntry>& left, const std::vector<RlimitEntry>& right) {
  return std::ranges::equal(left, right, [](const RlimitEntry& one, const RlimitEntry& other) {
    return one.resource == other.resource &&
           (one.resource == RLIMIT_NPROC || (one.soft == other.soft && one.hard == other.hard));
  });
}

bool same_cgroup_limits(const CgroupPlan& left, const CgroupPlan& right) {
  return left.memory_bytes == right.memory_bytes && left.swap_bytes == right.swap_bytes &&
         left.pids == right.pids && left.cpus == right.cpus;
}

bool limits_the_same_things(const CgroupPlan& left, const CgroupPlan& right) {
  return left.memory_bytes.has_value() == right.memory_bytes.has_value() &&
         left.swap_bytes.has_value() == right.swap_bytes.has_value() &&
         left.pids.has_value() == right.pids.has_value() &&
         left.cpus.has_value() == right.cpus.has_value();
}

Status compare_limits(const SandboxPlan& started, const SandboxPlan& wanted) {
  const std::string name = wanted.policy_name + ": [limits]";
  if (!limits_the_same_things(started.cgroup, wanted.cgroup))
    return fail(
        cannot_change(name, "a limit comes or goes with the start, only its figure changes"));
  if (!same_rlimits(started.rlimits, wanted.rlimits) ||
      (!started.cgroup.pids && started.emulation.process_limit != wanted.emulation.process_limit) ||
      started.meter.memory_bytes != wanted.meter.memory_bytes ||
      started.meter.cpus != wanted.meter.cpus)
    return fail(cannot_change(name, "what no cgroup holds is set at the start"));
  if (wanted.cgroup.pids > started.cgroup.pids)
    return fail(cannot_change(name + " pids", "its processes were given room for fewer"));
  return {};
}

}  // namespace

Result<PlanChanges> compare_with_running(const SandboxPlan& started, const SandboxPlan& running,
                                         const SandboxPlan& wanted) {
  YETT_CHECK(compare_fixed(started, wanted));
  YETT_CHECK(compare_network(started, wanted));
  YETT_CHECK(compare_limits(started, wanted));
  YETT_CHECK(compare_calls(started.filter, wanted.filter));
  if (!same_emulation(started.emulation, wanted.emulation))
    return fail(cannot_change(wanted.policy_name + ": [truth] or [syscalls] emulate",
                              "what is told and emulated is fixed at the start"));
  YETT_CHECK(compare_mounts(started, wanted));
  if (!same_lsm(started.lsm, wanted.lsm) || !same_landlock(started.landlock, wanted.landlock))
    return fail(cannot_change(wanted.policy_name, "its rules of files and execution differ"));
  return PlanChanges{
      .network = !same_endpoints(running.cgroup_bpf.connect, wanted.cgroup_bpf.connect) ||
                 !same_endpoints(running.cgroup_bpf.listen, wanted.cgroup_bpf.listen) ||
                 !same_endpoints(running.lsm.connect, wanted.lsm.connect) ||
                 !same_endpoints(running.lsm.listen, wanted.lsm.listen),
      .names = !same_endpoints(running.broker.names, wanted.broker.names),
      .limits = !same_cgroup_limits(running.cgroup, wanted.cgroup)};
}

}  // namespace yett

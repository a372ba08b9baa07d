#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/plan/plan_steps.hpp"
#include "sandbox/profiles/argument_profiles.hpp"
#include "sandbox/profiles/set_id_checks.hpp"

namespace yett {
namespace {

SyscallRule* find_rule(FilterPlan& filter, std::string_view name) {
  const auto found = std::ranges::find(filter.rules, name, &SyscallRule::name);
  return found == filter.rules.end() ? nullptr : &*found;
}

// Execution from a memfd: refused by the sysctl of the sandbox's pid namespace together with the
// filter (which refuses MFD_EXEC), or by BPF LSM; where neither is there, no memfd at all.
void plan_memfd(const PlanInputs& inputs, SandboxPlan& plan) {
  SyscallRule* rule = find_rule(plan.filter, "memfd_create");
  if (rule == nullptr || !rule->reachable()) return;
  if (inputs.policy.exec.memfd) {
    rule->when = executable_memfd_conditions();
    return;
  }
  if (inputs.features.memfd_noexec_sysctl.usable) {
    plan.namespaces.sysctls.push_back({"/proc/sys/vm/memfd_noexec", "1"});
    return;
  }
  if (inputs.features.bpf_lsm.usable) return;
  rule->action = SyscallAction::refuse;
  rule->when = {};
  rule->refuse_errno = ENOSYS;
  rule->reason = "this kernel could not keep a memfd from being executed";
}

bool writes_to_host(const MountEntry& entry) {
  return !entry.upper.empty() || (entry.kind == MountKind::bind && entry.writable == Writable::yes);
}

// SECURITY(set-ids): what lands on the host gets no bit that makes its owner of whoever runs it.
// openat2's mode lies in memory, where no filter reads: programs then take openat.
void plan_set_ids(const PlanInputs& inputs, SandboxPlan& plan) {
  if (inputs.policy.files.set_ids || inputs.policy.unrestricted ||
      (!is_fallback(inputs) && std::ranges::none_of(plan.mounts, writes_to_host)))
    return;
  plan.filter.no_set_ids = true;
  for (SyscallRule& rule : plan.filter.rules) {
    if (!is_set_id_call(rule.name) || !rule.reachable() || rule.action == SyscallAction::notify)
      continue;
    rule.when = no_set_id_conditions(rule.name);
    if (rule.otherwise != SyscallAction::notify) rule.refuse_errno = EPERM;
    rule.reason = "no set-uid and no set-gid bit on the host";
    if (!rule.when.empty()) continue;
    rule.action = SyscallAction::refuse;
    rule.refuse_errno = ENOSYS;
    rule.quiet = true;
    rule.reason = "its mode lies in memory: no filter could refuse a set-uid bit";
  }
}

// Before its program runs, and where it ends or comes back from a signal, nobody could answer.
bool can_be_live(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNever{"execve",     "execveat",     "exit",
                                                   "exit_group", "rt_sigreturn", "restart_syscall"};
  return std::ranges::find(kNever, name) == kNever.end();
}

// The calls that a live policy allows by name: by a filter alone they could never be refused again.
void plan_live_calls(const PlanInputs& inputs, FilterPlan& filter) {
  if (inputs.context.runs != nullptr) {
    filter.live = inputs.context.runs->filter.live;
    filter.continues = true;
    return;
  }
  if (!inputs.policy.live) return;
  filter.continues = true;
  for (const SyscallRule& rule : filter.rules)
    if (rule.action == SyscallAction::allow && rule.source.line != 0 &&
        rule.source.file.text() == inputs.policy.name && can_be_live(rule.name))
      filter.live.push_back(rule.number);
}

bool is_notified(FilterPlan& filter, std::string_view name) {
  const SyscallRule* rule = find_rule(filter, name);
  if (rule == nullptr) return false;
  return rule->action == SyscallAction::notify ||
         (rule->reachable() && rule->otherwise == SyscallAction::notify);
}

}  // namespace

Status plan_filter(const PlanInputs& inputs, SandboxPlan& plan) {
  plan.filter.installed = !inputs.policy.unrestricted;
  plan.filter.rules = inputs.policy.syscalls.rules;
  plan.filter.audited_refusals = true;
  plan.filter.wait_killable = inputs.features.seccomp_wait_killable.usable;
  plan_memfd(inputs, plan);
  plan_set_ids(inputs, plan);
  plan_live_calls(inputs, plan.filter);
  plan.emulation.sysinfo = is_notified(plan.filter, "sysinfo");
  plan.emulation.setrlimit =
      is_notified(plan.filter, "setrlimit") || is_notified(plan.filter, "prlimit64");
  plan.emulation.tmpfs_bytes = scratch_sizes(inputs.policy).dev;
  plan.emulation.tmpfs_executable = inputs.policy.exec.written_files;
  plan.emulation.memory_bytes = inputs.policy.limits.memory_bytes.value_or(0);
  plan.emulation.process_limit = inputs.policy.limits.pids.value_or(0);
  return {};
}

}  // namespace yett

#include <linux/audit.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "ioctl_uapi/include/yett/uapi.h"
#include "sandbox/profiles/argument_profiles.hpp"
#include "sandbox/profiles/fallback_checks.hpp"
#include "sandbox/profiles/set_id_checks.hpp"
#include "supervisor/verdict/verdict.hpp"

namespace yett {
namespace {

bool holds(const ArgumentCheck& check, const std::array<std::uint64_t, 6>& arguments) {
  return check.index < arguments.size() && (arguments[check.index] & check.mask) == check.value;
}

constexpr std::uint32_t kFchmodat2 = 452;  // Linux 6.6, newer than Debian 12's headers

Emulation emulation_of(std::uint32_t call, const EmulationPlan& plan) {
  switch (call) {
    case SYS_sysinfo:
      return plan.sysinfo ? Emulation::sysinfo : Emulation::none;
    case SYS_setrlimit:
      return plan.setrlimit ? Emulation::setrlimit : Emulation::none;
    case SYS_prlimit64:
      return plan.setrlimit ? Emulation::prlimit64 : Emulation::none;
    case SYS_sched_getaffinity:
      return plan.affinity ? Emulation::getaffinity : Emulation::none;
    case SYS_uname:
      return plan.uname ? Emulation::uname : Emulation::none;
    // Rules say so only where the policy lists them: [syscalls] emulate.
    case SYS_sched_setscheduler:
      return Emulation::setscheduler;
    case SYS_setpriority:
      return Emulation::setpriority;
    case SYS_mknod:
      return Emulation::mknod;
    case SYS_mknodat:
      return Emulation::mknodat;
    case SYS_mount:
      return Emulation::mount;
    case SYS_setxattr:
    case SYS_lsetxattr:
    case SYS_fsetxattr:
      return Emulation::setxattr;
    case SYS_chmod:
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_utimensat:
    case kFchmodat2:
      return plan.attributes ? Emulation::attributes : Emulation::none;
    case SYS_open:
    case SYS_openat:  // where questions are asked
      return Emulation::open;
    default:
      return Emulation::none;
  }
}

// Sockets that are not lent, which the filter could not tell apart, get the filter's own answer.
bool is_lent(std::uint32_t call, const std::array<std::uint64_t, 6>& arguments) {
  if (call == SYS_listen) return true;
  const SyscallRule socket{.action = SyscallAction::allow,
                           .otherwise = SyscallAction::refuse,
                           .when = internet_socket_conditions()};
  return call == SYS_socket && action_for(socket, arguments) == SyscallAction::allow;
}

LentCall lent_call(const Snapshot& snapshot, const BrokerPlan& plan) {
  if (plan.listens && snapshot.call == SYS_listen) return LentCall::listen;
  if (!plan.sockets || !is_lent(snapshot.call, snapshot.arguments)) return LentCall::none;
  return snapshot.call == SYS_socket ? LentCall::socket : LentCall::listen;
}

// A command of yett/uapi.h. Which file it is made on, the one who carries it out looks at.
bool is_control_command(const Snapshot& snapshot) {
  return snapshot.call == SYS_ioctl &&
         _IOC_TYPE(static_cast<std::uint32_t>(snapshot.arguments[1])) == YETT_UAPI_MAGIC;
}

Verdict deny(int error, const SyscallRule* rule) {
  return Verdict{.kind = VerdictKind::deny, .error = error > 0 ? error : EPERM, .rule = rule};
}

// SECURITY(set-ids): the conditions of the rule have made way for the supervisor's look.
Verdict redirect(const Snapshot& snapshot, const SyscallRule& rule, const FilterPlan& filter) {
  if (filter.no_set_ids && asks_for_set_id(rule.name, snapshot.arguments))
    return deny(EPERM, &rule);
  return Verdict{
      .kind = VerdictKind::emulate, .error = 0, .emulation = Emulation::redirect, .rule = &rule};
}

}  // namespace

SyscallAction action_for(const SyscallRule& rule, const std::array<std::uint64_t, 6>& arguments) {
  if (rule.when.empty()) return rule.action;
  const bool matched = std::ranges::any_of(rule.when, [&](const auto& checks) {
    return std::ranges::all_of(checks,
                               [&](const ArgumentCheck& check) { return holds(check, arguments); });
  });
  return matched ? rule.action : rule.otherwise;
}

PolicyEngine::PolicyEngine(const SandboxPlan& plan)
    : filter_(&plan.filter), emulation_(plan.emulation), broker_(&plan.broker) {}

// Everything that is not plainly a refusal with an errno or a call that is carried out here is
// denied, also what the filter should never have sent: SECURITY(fail-closed).
Verdict PolicyEngine::decide(const Snapshot& snapshot) const {
  if (snapshot.architecture != AUDIT_ARCH_X86_64) return deny(EPERM, nullptr);
  const SyscallRule* rule = find_rule(snapshot.call);
  if (rule == nullptr) return deny(EPERM, nullptr);
  const SyscallAction action = action_for(*rule, snapshot.arguments);
  const bool is_plain = action == SyscallAction::refuse || action == SyscallAction::allow;
  if (is_plain && is_control_command(snapshot))
    return Verdict{
        .kind = VerdictKind::emulate, .error = 0, .emulation = Emulation::control, .rule = rule};
  switch (action) {
    case SyscallAction::refuse:
      return deny(rule->refuse_errno, rule);
    case SyscallAction::notify: {
      if (filter_->counts_tasks && makes_tasks(rule->name))
        return Verdict{.kind = VerdictKind::allow, .error = EAGAIN, .counted = true, .rule = rule};
      if (const LentCall lent = lent_call(snapshot, *broker_); lent != LentCall::none)
        return Verdict{.kind = VerdictKind::broker, .error = 0, .lent = lent, .rule = rule};
      if (emulation_.redirect && is_redirected(rule->name))
        return redirect(snapshot, *rule, *filter_);
      const Emulation emulation = emulation_of(snapshot.call, emulation_);
      if (emulation == Emulation::none) return deny(rule->refuse_errno, rule);
      return Verdict{
          .kind = VerdictKind::emulate, .error = 0, .emulation = emulation, .rule = rule};
    }
    case SyscallAction::allow:
      if (filter_->continues) return Verdict{.kind = VerdictKind::allow, .error = 0, .rule = rule};
      break;
    case SyscallAction::kill:
    case SyscallAction::log:
      break;
  }
  return deny(EPERM, rule);
}

const SyscallRule* PolicyEngine::find_rule(std::uint32_t number) const {
  const auto rule = std::ranges::lower_bound(filter_->rules, number, {}, &SyscallRule::number);
  return rule != filter_->rules.end() && rule->number == number ? &*rule : nullptr;
}

}  // namespace yett

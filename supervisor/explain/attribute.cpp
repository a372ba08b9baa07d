#include "supervisor/explain/attribute.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "supervisor/explain/other_refusals.hpp"

namespace yett {
namespace {

const SyscallRule* find_rule(const SandboxPlan& plan, std::uint32_t number) {
  const auto rule = std::ranges::lower_bound(plan.filter.rules, number, {}, &SyscallRule::number);
  return rule != plan.filter.rules.end() && rule->number == number ? &*rule : nullptr;
}

// What cgroup-BPF and BPF LSM tell themselves, object and all.
bool is_told_elsewhere(const SandboxPlan& plan, const ObservedCall& call) {
  if (call.error != EPERM && call.error != EACCES) return false;
  switch (call.snapshot.call) {
    case SYS_connect:
    case SYS_bind:
    case SYS_sendto:
    case SYS_sendmsg:
      return plan.cgroup_bpf.attached || plan.lsm.labelled;
    default:
      return plan.lsm.labelled && call.error == EPERM;
  }
}

}  // namespace

AuditRecord Attribution::record_of(const ObservedCall& call, Plane plane) const {
  AuditRecord record;
  record.sandbox = plan_->sandbox;
  record.pid = call.pid;
  record.comm = call.comm;
  record.plane = plane_name(plane);
  record.call = engine_.call_name(call.snapshot.call);
  record.verdict = call.killed ? VerdictKind::kill : VerdictKind::deny;
  record.error = call.killed ? 0 : call.error;
  record.arguments = call_text(record.call, call.snapshot, call.texts);
  record.stack = call.stack;
  return record;
}

// The filter's program is made of the plan's rules: what they say of these registers is what it
// answered. An errno that the kernel might have given as well is the filter's when they say so.
std::optional<AuditRecord> Attribution::by_filter(const ObservedCall& call) const {
  if (!plan_->filter.installed) return std::nullopt;
  const SyscallRule* rule = find_rule(*plan_, call.snapshot.call);
  const SyscallAction action =
      rule != nullptr ? action_for(*rule, call.snapshot.arguments) : SyscallAction::refuse;
  const int refusal = rule != nullptr ? rule->refuse_errno : ENOSYS;
  const bool refused = action == SyscallAction::refuse && call.error == refusal;
  const bool killed = action == SyscallAction::kill && call.killed;
  const bool not_emulated =
      action == SyscallAction::notify && (call.error == EPERM || call.error == EIO);
  if (!refused && !killed && !not_emulated) return std::nullopt;
  AuditRecord record = record_of(call, not_emulated ? Plane::supervisor : Plane::filter);
  record.object = PolicyEngine::object_text(call.snapshot);
  record.rule = engine_.rule_text(call.snapshot);
  record.mend = not_emulated ? changes_text(grant_limit(call)) : engine_.mend_text(call.snapshot);
  return record;
}

std::optional<AuditRecord> Attribution::explain(const ObservedCall& call) const {
  if (auto record = by_filter(call)) return record;
  if (is_told_elsewhere(*plan_, call)) return std::nullopt;
  auto refusal = explain_limit(*plan_, call);
  if (!refusal) refusal = explain_network(*plan_, call);
  if (!refusal) refusal = explain_file(*plan_, call);
  if (!refusal) return std::nullopt;
  AuditRecord record = record_of(call, refusal->plane);
  record.object = std::move(refusal->object);
  record.rule = std::move(refusal->rule);
  record.resolved = std::move(refusal->resolved);
  record.mend = changes_text(refusal->change);
  return record;
}

}  // namespace yett

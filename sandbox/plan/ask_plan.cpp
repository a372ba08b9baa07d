// [on] violation = "ask": which opens go to the supervisor, and what it may ask about.
#include <algorithm>
#include <cerrno>

#include "sandbox/plan/plan_steps.hpp"
#include "sandbox/profiles/open_checks.hpp"

namespace yett {
namespace {

constexpr const char* kName = "[on] violation = \"ask\"";

SyscallRule* find_rule(FilterPlan& filter, std::string_view name) {
  const auto found = std::ranges::find(filter.rules, name, &SyscallRule::name);
  return found == filter.rules.end() || !found->reachable() ? nullptr : &*found;
}

Status check_policy(const Policy& policy) {
  if (policy.unrestricted)
    return fail(request_error(kName, "without a filter nobody hears what is opened",
                              "extend another policy"));
  if (policy.hardening == Hardening::stacked)
    return fail(request_error(kName,
                              "Landlock's rules on files go by who opens, and here the supervisor "
                              "opens",
                              "write hardening = \"normal\""));
  if (policy.files.set_ids)
    return fail(
        request_error(kName, "set_ids = true is not held together with it", "leave set_ids out"));
  return {};
}

std::vector<std::string> paths_of(const std::vector<PathRule>& rules) {
  std::vector<std::string> paths;
  for (const PathRule& rule : rules) paths.push_back(rule.path);
  return paths;
}

}  // namespace

// BPF LSM goes by the task that opens: what the supervisor opened it would not see. Without it the
// mounts hold the rules.
KernelFeatures usable_features(const Policy& policy, const KernelFeatures& features) {
  KernelFeatures usable = features;
  if (policy.violation == ViolationAction::ask)
    usable.bpf_lsm = {.usable = false, .detail = "not used where the supervisor opens files"};
  return usable;
}

// What makes a file, and what names a directory or nothing but a path, stays the kernel's: it can
// be told by registers, and is no question.
Status plan_questions(const PlanInputs& inputs, SandboxPlan& plan) {
  if (inputs.policy.violation != ViolationAction::ask) return {};
  YETT_CHECK(check_policy(inputs.policy));
  plan.ask = {.opens = true,
              .within = paths_of(inputs.policy.files.ask),
              .never = paths_of(inputs.policy.files.deny),
              .patience = inputs.policy.ask_time};
  for (const std::string_view name : {"open", "openat"}) {
    SyscallRule* rule = find_rule(plan.filter, name);
    if (rule == nullptr) continue;
    rule->action = SyscallAction::allow;
    rule->otherwise = SyscallAction::notify;
    rule->when = own_open_conditions(name);
    rule->reason = "the supervisor opens existing files, and asks where there is none";
  }
  if (SyscallRule* rule = find_rule(plan.filter, "openat2")) {
    rule->action = SyscallAction::refuse;
    rule->when = {};
    rule->refuse_errno = ENOSYS;
    rule->quiet = true;
    rule->reason = "its flags lie in memory; programs then take openat";
  }
  return {};
}

}  // namespace yett

// The compiled filter against the rules read one by one, on random calls of every ABI.
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "tests/support/bpf_interpreter.hpp"

namespace {

using yett::FilterPlan;
using yett::SyscallAction;
using yett::SyscallRule;

constexpr std::uint32_t kX32Bit = 0x40000000;

bool holds(const SyscallRule& rule, const seccomp_data& data) {
  return std::ranges::any_of(rule.when, [&](yett::ArgumentChecks checks) {
    return std::ranges::all_of(checks, [&](const yett::ArgumentCheck& check) {
      return (data.args[check.index] & check.mask) == check.value;
    });
  });
}

std::uint32_t value_of(SyscallAction action, const SyscallRule& rule) {
  switch (action) {
    case SyscallAction::allow:
      return SECCOMP_RET_ALLOW;
    case SyscallAction::log:
      return SECCOMP_RET_LOG;
    case SyscallAction::notify:
      return SECCOMP_RET_USER_NOTIF;
    case SyscallAction::kill:
      return SECCOMP_RET_KILL_PROCESS;
    case SyscallAction::refuse:
      return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(rule.refuse_errno);
  }
  std::abort();
}

std::uint32_t expected(const FilterPlan& plan, const seccomp_data& data) {
  const auto number = static_cast<std::uint32_t>(data.nr);
  if (data.arch != AUDIT_ARCH_X86_64) return SECCOMP_RET_KILL_PROCESS;
  if (number >= kX32Bit && number != UINT32_MAX) return SECCOMP_RET_KILL_PROCESS;
  const auto rule = std::ranges::find(plan.rules, number, &SyscallRule::number);
  if (rule == plan.rules.end()) return SECCOMP_RET_ERRNO | ENOSYS;
  const bool matches = rule->when.empty() || holds(*rule, data);
  return value_of(matches ? rule->action : rule->otherwise, *rule);
}

FilterPlan make_plan_of(const char* policy) {
  FilterPlan plan;
  plan.rules = yett::make_builtin_policy(policy)->syscalls.rules;
  plan.audited_refusals = false;
  return plan;
}

// Random arguments rarely meet a condition: one byte in two picks a value that a rule names.
void aim(const FilterPlan& plan, seccomp_data& data, std::uint8_t choice) {
  const auto rule =
      std::ranges::find(plan.rules, static_cast<std::uint32_t>(data.nr), &SyscallRule::number);
  if (choice < 128 || rule == plan.rules.end() || rule->when.empty()) return;
  for (const yett::ArgumentCheck& check : rule->when[choice % rule->when.size()])
    data.args[check.index] = (data.args[check.index] & ~check.mask) | check.value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const FilterPlan kPlans[] = {make_plan_of("plugin"), make_plan_of("rvisor")};
  static const yett::CompiledFilter kFilters[] = {*yett::compile_filter(kPlans[0]),
                                                  *yett::compile_filter(kPlans[1])};
  seccomp_data data{};
  if (size < sizeof data + 2) return 0;
  std::memcpy(&data, bytes + 2, sizeof data);
  if ((bytes[0] & 2) != 0) data.arch = AUDIT_ARCH_X86_64;
  if ((bytes[0] & 4) != 0) data.nr &= 511;
  const std::size_t which = bytes[0] & 1;
  aim(kPlans[which], data, bytes[1]);
  if (yett::run_bpf(kFilters[which].program, data) != expected(kPlans[which], data)) std::abort();
  return 0;
}

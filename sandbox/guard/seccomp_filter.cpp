// Compiles the rules to a binary tree over ranges of numbers that share an answer. Why not
// libseccomp here: docs/decisions/0010-filter-compiler.md; the tests hold this against libseccomp.
#include "sandbox/guard/seccomp_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>

#include "sandbox/guard/argument_code.hpp"
#include "sandbox/guard/bpf_assembler.hpp"
#include "sandbox/guard/range_tree.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;  // __X32_SYSCALL_BIT
constexpr std::size_t kUsualLength = 512;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

std::uint32_t refusal_value(const SyscallRule& rule, const FilterPlan& plan) {
  if (plan.audited_refusals && !rule.quiet) return SECCOMP_RET_USER_NOTIF;
  return SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(rule.refuse_errno) & SECCOMP_RET_DATA);
}

std::uint32_t return_value(SyscallAction action, const SyscallRule& rule, const FilterPlan& plan) {
  switch (action) {
    case SyscallAction::allow:
      return SECCOMP_RET_ALLOW;
    case SyscallAction::log:
      return SECCOMP_RET_LOG;
    case SyscallAction::notify:
      return SECCOMP_RET_USER_NOTIF;
    case SyscallAction::refuse:
      return refusal_value(rule, plan);
    case SyscallAction::kill:
      return SECCOMP_RET_KILL_PROCESS;
  }
  return SECCOMP_RET_KILL_PROCESS;
}

// SECURITY(unknown-numbers): what no rule names is ENOSYS, between the rules and beyond them.
Result<std::vector<BpfRange>> make_ranges(const FilterPlan& plan) {
  std::vector<BpfRange> ranges;
  ranges.reserve(plan.rules.size());
  std::uint32_t next = 0;
  for (std::size_t index = 0; index < plan.rules.size(); ++index) {
    const SyscallRule& rule = plan.rules[index];
    if (rule.number < next || rule.number >= kX32Bit)
      return fail(Error{.kind = ErrorKind::internal,
                        .operation = "compile filter",
                        .subject = std::string(rule.name),
                        .detail = "rules are not ordered by number"});
    if (rule.number > next) append_range(ranges, {.first = next, .answer = kUnknown});
    next = rule.number + 1;
    if (std::ranges::binary_search(plan.live, rule.number)) {
      append_range(ranges, {.first = rule.number, .answer = SECCOMP_RET_USER_NOTIF});
      continue;
    }
    append_range(ranges, {.first = rule.number,
                          .answer = return_value(rule.action, rule, plan),
                          .conditional = rule.when.empty() ? std::nullopt : std::optional(index)});
  }
  append_range(ranges, {.first = next, .answer = kUnknown});
  return ranges;
}

Result<BpfPlace> write_conditional(const BpfRange& range, const FilterPlan& plan, BpfWriter& code) {
  const SyscallRule& rule = plan.rules[*range.conditional];
  const BpfPlace otherwise = code.give(return_value(rule.otherwise, rule, plan));
  return write_conditions(rule.when, code.give(range.answer), otherwise, code);
}

// SECURITY(second-abi): i386 by its architecture, x32 by its bit; -1 is no call of any ABI.
void write_prologue(BpfPlace tree, BpfWriter& code) {
  const BpfPlace kill = code.give(SECCOMP_RET_KILL_PROCESS);
  const BpfPlace beyond = code.when_equal(UINT32_MAX, code.give(kUnknown), kill);
  const BpfPlace number =
      code.load(offsetof(seccomp_data, nr), UINT32_MAX, code.when_at_least(kX32Bit, beyond, tree));
  code.load(offsetof(seccomp_data, arch), UINT32_MAX,
            code.when_equal(AUDIT_ARCH_X86_64, number, kill));
}

}  // namespace

Result<CompiledFilter> compile_filter(const FilterPlan& plan) {
  if (!plan.installed) return CompiledFilter{};
  YETT_TRY(const std::vector<BpfRange> ranges, make_ranges(plan));
  BpfWriter code(kUsualLength);
  const WriteConditional conditional = [&plan](const BpfRange& range, BpfWriter& writer) {
    return write_conditional(range, plan, writer);
  };
  YETT_TRY(const BpfPlace tree, write_range_tree(ranges, conditional, code));
  write_prologue(tree, code);
  CompiledFilter filter{code.program()};
  if (filter.program.size() > BPF_MAXINSNS)
    return fail(Error{.kind = ErrorKind::internal,
                      .operation = "compile filter",
                      .detail = "the program is longer than the kernel takes"});
  return filter;
}

}  // namespace yett

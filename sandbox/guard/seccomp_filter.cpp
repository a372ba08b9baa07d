// Compiles the rules to a binary tree over ranges of numbers that share an answer. Why not
// libseccomp here: docs/decisions/0010-filter-compiler.md; the tests hold this against libseccomp.
#include "sandbox/guard/seccomp_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>
#include <span>

#include "sandbox/guard/argument_code.hpp"
#include "sandbox/guard/bpf_assembler.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;  // __X32_SYSCALL_BIT
constexpr std::size_t kUsualLength = 512;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

// Numbers from `first` up to the next range's first: one answer, or one rule's conditions.
struct Range {
  std::uint32_t first = 0;
  std::uint32_t answer = kUnknown;
  const SyscallRule* conditional = nullptr;
};

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

void append(std::vector<Range>& ranges, const Range& range) {
  const bool same = !ranges.empty() && ranges.back().conditional == nullptr &&
                    range.conditional == nullptr && ranges.back().answer == range.answer;
  if (!same) ranges.push_back(range);
}

// SECURITY(unknown-numbers): what no rule names is ENOSYS, between the rules and beyond them.
Result<std::vector<Range>> make_ranges(const FilterPlan& plan) {
  std::vector<Range> ranges;
  ranges.reserve(plan.rules.size());
  std::uint32_t next = 0;
  for (const SyscallRule& rule : plan.rules) {
    if (rule.number < next || rule.number >= kX32Bit)
      return fail(Error{.kind = ErrorKind::internal,
                        .operation = "compile filter",
                        .subject = std::string(rule.name),
                        .detail = "rules are not ordered by number"});
    if (rule.number > next) append(ranges, {.first = next});
    append(ranges, {.first = rule.number,
                    .answer = return_value(rule.action, rule, plan),
                    .conditional = rule.when.empty() ? nullptr : &rule});
    next = rule.number + 1;
  }
  append(ranges, {.first = next});
  return ranges;
}

Result<BpfPlace> write_answer(const Range& range, const FilterPlan& plan, BpfWriter& code) {
  if (range.conditional == nullptr) return code.give(range.answer);
  const SyscallRule& rule = *range.conditional;
  const BpfPlace otherwise = code.give(return_value(rule.otherwise, rule, plan));
  return write_conditions(rule.when, code.give(range.answer), otherwise, code);
}

// One number between two ranges that share an answer.
bool is_exception(std::span<const Range> ranges) {
  return ranges.size() == 3 && ranges[2].first == ranges[1].first + 1 &&
         ranges[0].conditional == nullptr && ranges[2].conditional == nullptr &&
         ranges[0].answer == ranges[2].answer;
}

Result<BpfPlace> write_tree(std::span<const Range> ranges, const FilterPlan& plan,
                            BpfWriter& code) {
  if (ranges.size() == 1) return write_answer(ranges[0], plan, code);
  if (is_exception(ranges)) {
    YETT_TRY(const BpfPlace exception, write_answer(ranges[1], plan, code));
    return code.when_equal(ranges[1].first, exception, code.give(ranges[0].answer));
  }
  // Threes, where there are more: many of them are a number between two alike.
  const std::size_t middle =
      ranges.size() > 3 ? (ranges.size() / 2 + 1) / 3 * 3 : ranges.size() / 2;
  YETT_TRY(const BpfPlace above, write_tree(ranges.subspan(middle), plan, code));
  YETT_TRY(const BpfPlace below, write_tree(ranges.first(middle), plan, code));
  return code.when_at_least(ranges[middle].first, above, below);
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
  YETT_TRY(const std::vector<Range> ranges, make_ranges(plan));
  BpfWriter code(kUsualLength);
  YETT_TRY(const BpfPlace tree, write_tree(ranges, plan, code));
  write_prologue(tree, code);
  CompiledFilter filter{code.program()};
  if (filter.program.size() > BPF_MAXINSNS)
    return fail(Error{.kind = ErrorKind::internal,
                      .operation = "compile filter",
                      .detail = "the program is longer than the kernel takes"});
  return filter;
}

}  // namespace yett

// Compiles the rules to a binary tree over ranges of numbers that share an answer. Why not
// libseccomp here: docs/decisions/0010-filter-compiler.md; the tests hold this against libseccomp.
#include "sandbox/guard/seccomp_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <span>

#include "sandbox/guard/bpf_assembler.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;  // __X32_SYSCALL_BIT
constexpr std::size_t kUsualLength = 1024;
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

Status append_answer(const Range& range, const FilterPlan& plan, BpfCode& code) {
  if (range.conditional != nullptr) {
    const SyscallRule& rule = *range.conditional;
    return bpf_append_when(rule.when, range.answer, return_value(rule.otherwise, rule, plan), code);
  }
  code.push_back(bpf_return(range.answer));
  return {};
}

Status append_tree(std::span<const Range> ranges, const FilterPlan& plan, BpfCode& code) {
  if (ranges.size() == 1) return append_answer(ranges[0], plan, code);
  const std::size_t middle = ranges.size() / 2;
  const std::size_t jump_at = code.size();
  code.push_back({});
  YETT_CHECK(append_tree(ranges.first(middle), plan, code));
  bpf_finish_branch(ranges[middle].first, jump_at, code);
  return append_tree(ranges.subspan(middle), plan, code);
}

// SECURITY(second-abi): i386 by its architecture, x32 by its bit; -1 is no call of any ABI.
BpfCode make_prologue() {
  return {
      bpf_load_architecture(),
      bpf_jump_equal(AUDIT_ARCH_X86_64, 1, 0),
      bpf_return(SECCOMP_RET_KILL_PROCESS),
      bpf_load_number(),
      bpf_jump_at_least(kX32Bit, 0, 3),
      bpf_jump_equal(UINT32_MAX, 0, 1),
      bpf_return(kUnknown),
      bpf_return(SECCOMP_RET_KILL_PROCESS),
  };
}

}  // namespace

Result<CompiledFilter> compile_filter(const FilterPlan& plan) {
  if (!plan.installed) return CompiledFilter{};
  YETT_TRY(const std::vector<Range> ranges, make_ranges(plan));
  CompiledFilter filter{make_prologue()};
  filter.program.reserve(kUsualLength);
  YETT_CHECK(append_tree(ranges, plan, filter.program));
  if (filter.program.size() > BPF_MAXINSNS)
    return fail(Error{.kind = ErrorKind::internal,
                      .operation = "compile filter",
                      .detail = "the program is longer than the kernel takes"});
  return filter;
}

}  // namespace yett

// Compiles the rules to a binary tree over ranges of numbers that share an answer. Why not
// libseccomp here: docs/decisions/filter-compiler.md; the tests hold this against libseccomp.
#include "sandbox/guard/seccomp_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <span>

#include "sandbox/guard/bpf_assembler.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;  // __X32_SYSCALL_BIT
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

// Numbers from `first` up to the next range's first: one answer.
struct Range {
  std::uint32_t first = 0;
  BpfCode answer;
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

Result<BpfCode> answer_of(const SyscallRule& rule, const FilterPlan& plan) {
  const std::uint32_t action = return_value(rule.action, rule, plan);
  if (rule.when.empty()) return BpfCode{bpf_return(action)};
  return bpf_when(rule.when, action, return_value(rule.otherwise, rule, plan));
}

bool same_answer(const BpfCode& left, const BpfCode& right) {
  return left.size() == 1 && right.size() == 1 && left[0].k == right[0].k;
}

void append(std::vector<Range>& ranges, std::uint32_t first, BpfCode answer) {
  if (!ranges.empty() && same_answer(ranges.back().answer, answer)) return;
  ranges.push_back({first, std::move(answer)});
}

// SECURITY(unknown-numbers): what no rule names is ENOSYS, between the rules and beyond them.
Result<std::vector<Range>> make_ranges(const FilterPlan& plan) {
  std::vector<Range> ranges;
  std::uint32_t next = 0;
  for (const SyscallRule& rule : plan.rules) {
    if (rule.number < next || rule.number >= kX32Bit)
      return fail(Error{.kind = ErrorKind::internal,
                        .operation = "compile filter",
                        .subject = std::string(rule.name),
                        .detail = "rules are not ordered by number"});
    if (rule.number > next) append(ranges, next, {bpf_return(kUnknown)});
    YETT_TRY(BpfCode answer, answer_of(rule, plan));
    append(ranges, rule.number, std::move(answer));
    next = rule.number + 1;
  }
  append(ranges, next, {bpf_return(kUnknown)});
  return ranges;
}

BpfCode make_tree(std::span<const Range> ranges) {
  if (ranges.size() == 1) return ranges[0].answer;
  const std::size_t middle = ranges.size() / 2;
  return bpf_branch(ranges[middle].first, make_tree(ranges.first(middle)),
                    make_tree(ranges.subspan(middle)));
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
  const BpfCode tree = make_tree(ranges);
  filter.program.insert(filter.program.end(), tree.begin(), tree.end());
  if (filter.program.size() > BPF_MAXINSNS)
    return fail(Error{.kind = ErrorKind::internal,
                      .operation = "compile filter",
                      .detail = "the program is longer than the kernel takes"});
  return filter;
}

}  // namespace yett

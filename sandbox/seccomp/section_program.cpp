#include "sandbox/seccomp/section_program.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <span>

#include "sandbox/guard/bpf_assembler.hpp"
#include "sandbox/guard/range_tree.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;  // __X32_SYSCALL_BIT
constexpr std::size_t kUsualLength = 512;
using Rules = std::span<const SectionRule>;  // of one call

// ---- what can be said plainly -------------------------------------------------------------------

bool is_plain(const SectionArgument& argument) {
  if (argument.op != SectionCompare::masked_eq) return true;
  return argument.value != 0 && (argument.value_two & ~argument.value) == 0;
}

// Can no value satisfy both?
bool exclude(const SectionArgument& a, const SectionArgument& b) {
  using enum SectionCompare;
  if (a.index != b.index) return false;
  if (a.op == eq && b.op == eq) return a.value != b.value;
  return a.value == b.value && ((a.op == eq && b.op == ne) || (a.op == ne && b.op == eq));
}

bool exclude(const SectionRule& a, const SectionRule& b) {
  return std::ranges::any_of(a.args, [&b](const SectionArgument& one) {
    return std::ranges::any_of(
        b.args, [&one](const SectionArgument& other) { return exclude(one, other); });
  });
}

// Whatever the order of asking, each call has one answer.
bool have_one_answer(Rules rules) {
  for (const SectionRule& rule : rules)
    for (const SectionRule& other : rules)
      if (rule.answer != other.answer && !exclude(rule, other)) return false;
  return true;
}

bool is_plain(Rules rules) {
  for (const SectionRule& rule : rules)
    for (const SectionArgument& argument : rule.args)
      if (argument.index > 5 || !is_plain(argument)) return false;
  return have_one_answer(rules);
}

// ---- arguments ----------------------------------------------------------------------------------

std::uint32_t low_half(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high_half(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

// A 64-bit argument, compared a half at a time; x86_64 has the low half first in memory.
class ArgumentWriter {
 public:
  ArgumentWriter(std::uint32_t index, BpfPlace yes, BpfPlace no, BpfWriter& code)
      : low_(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + std::size_t{8} * index)),
        yes_(yes),
        no_(no),
        code_(code) {}

  BpfPlace equal(std::uint64_t mask, std::uint64_t value) {
    BpfPlace next = yes_;
    if (low_half(mask) != 0)
      next = code_.load(low_, low_half(mask), code_.when_equal(low_half(value), next, no_));
    if (high_half(mask) != 0)
      next = code_.load(low_ + 4, high_half(mask), code_.when_equal(high_half(value), next, no_));
    return next;
  }

  BpfPlace at_least(std::uint64_t value) {
    const BpfPlace low =
        code_.load(low_, UINT32_MAX, code_.when_at_least(low_half(value), yes_, no_));
    const std::uint32_t high = high_half(value);
    BpfPlace above = no_;
    if (high != UINT32_MAX) above = code_.when_at_least(high + 1, yes_, no_);
    return code_.load(low_ + 4, UINT32_MAX, code_.when_equal(high, low, above));
  }

  BpfPlace above(std::uint64_t value) { return value == UINT64_MAX ? no_ : at_least(value + 1); }

 private:
  std::uint32_t low_;  // offset
  BpfPlace yes_;
  BpfPlace no_;
  BpfWriter& code_;
};

BpfPlace write_argument(const SectionArgument& argument, BpfPlace yes, BpfPlace no,
                        BpfWriter& code) {
  ArgumentWriter holds(argument.index, yes, no, code);
  ArgumentWriter fails(argument.index, no, yes, code);
  switch (argument.op) {
    case SectionCompare::ne:
      return fails.equal(UINT64_MAX, argument.value);
    case SectionCompare::lt:
      return fails.at_least(argument.value);
    case SectionCompare::le:
      return fails.above(argument.value);
    case SectionCompare::eq:
      return holds.equal(UINT64_MAX, argument.value);
    case SectionCompare::ge:
      return holds.at_least(argument.value);
    case SectionCompare::gt:
      return holds.above(argument.value);
    case SectionCompare::masked_eq:
      return holds.equal(argument.value, argument.value_two);
  }
  return no;
}

BpfPlace write_rules(Rules rules, std::uint32_t default_answer, BpfWriter& code) {
  BpfPlace next = code.give(default_answer);
  for (const SectionRule& rule : std::views::reverse(rules)) {
    BpfPlace holds = code.give(rule.answer);
    for (const SectionArgument& argument : std::views::reverse(rule.args))
      holds = write_argument(argument, holds, next, code);
    next = holds;
  }
  return next;
}

// ---- numbers ------------------------------------------------------------------------------------

std::vector<SectionRule> by_number(const SectionRules& section) {
  std::vector<SectionRule> rules;
  rules.reserve(section.rules.size());
  for (const SectionRule& rule : section.rules)
    if (rule.number >= 0) rules.push_back(rule);
  std::ranges::stable_sort(rules, {}, &SectionRule::number);
  return rules;
}

// The first call's rules, taken off `rest`.
Rules take_call(Rules& rest) {
  std::size_t count = 1;
  while (count < rest.size() && rest[count].number == rest[0].number) ++count;
  const Rules rules = rest.first(count);
  rest = rest.subspan(count);
  return rules;
}

// Nothing: a call whose rules are not plain.
std::optional<std::vector<BpfRange>> make_ranges(Rules rest, const SectionRules& section,
                                                 std::vector<Rules>& conditional) {
  std::vector<BpfRange> ranges;
  std::uint32_t next = 0;
  while (!rest.empty()) {
    const Rules rules = take_call(rest);
    const auto number = static_cast<std::uint32_t>(rules[0].number);
    if (number > next) append_range(ranges, {.first = next, .answer = section.default_answer});
    BpfRange range{.first = number};
    // The first without conditions leaves nothing to the others: libseccomp has it so.
    const auto always = std::ranges::find_if(rules, std::ranges::empty, &SectionRule::args);
    if (always != rules.end()) {
      range.answer = always->answer;
    } else {
      if (!is_plain(rules)) return std::nullopt;
      range.conditional = conditional.size();
      conditional.push_back(rules);
    }
    append_range(ranges, range);
    next = number + 1;
  }
  const auto beyond = static_cast<std::uint32_t>(section.greatest + 1);
  if (beyond > next) append_range(ranges, {.first = next, .answer = section.default_answer});
  append_range(ranges, {.first = beyond, .answer = section.answer_beyond});
  return ranges;
}

// As libseccomp: another architecture and x32 end the thread; -1, which a tracer leaves for a call
// that it took away, is like a call that nobody names.
void write_prologue(BpfPlace tree, std::uint32_t default_answer, BpfWriter& code) {
  const BpfPlace kill = code.give(SECCOMP_RET_KILL_THREAD);
  const BpfPlace beyond = code.when_equal(UINT32_MAX, code.give(default_answer), kill);
  const BpfPlace number =
      code.load(offsetof(seccomp_data, nr), UINT32_MAX, code.when_at_least(kX32Bit, beyond, tree));
  code.load(offsetof(seccomp_data, arch), UINT32_MAX,
            code.when_equal(AUDIT_ARCH_X86_64, number, kill));
}

}  // namespace

std::optional<std::vector<sock_filter>> write_section_program(const SectionRules& section) {
  const std::vector<SectionRule> rules = by_number(section);
  std::vector<Rules> conditional;
  const auto ranges = make_ranges(rules, section, conditional);
  if (!ranges) return std::nullopt;
  BpfWriter code(kUsualLength);
  const auto tree = write_range_tree(
      *ranges,
      [&](const BpfRange& range, BpfWriter& writer) -> Result<BpfPlace> {
        return write_rules(conditional[*range.conditional], section.default_answer, writer);
      },
      code);
  if (!tree) return std::nullopt;
  write_prologue(*tree, section.default_answer, code);
  return code.program();
}

}  // namespace yett

// A filter compares 32 bits at a time, so that a check is one or two questions ("this word under
// this mask") with the answer it wants. Conditions that ask the same first are told apart by one
// load; their values, in order, by as few comparisons as their neighbourhood allows.
#include "sandbox/guard/argument_code.hpp"

#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace yett {
namespace {

struct Question {
  std::uint32_t offset = 0;  // in struct seccomp_data
  std::uint32_t mask = 0;
  auto operator<=>(const Question&) const = default;
};

struct WordCheck {
  Question question;
  std::uint32_t value = 0;
  auto operator<=>(const WordCheck&) const = default;
};

constexpr std::size_t kMaxWords = 12;  // six arguments of two words

struct Condition {
  std::array<WordCheck, kMaxWords> checks{};
  std::size_t count = 0;
  auto operator<=>(const Condition&) const = default;
};
using Conditions = std::span<const Condition>;

// Values that lead to one place, without a gap.
struct Interval {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  BpfPlace target = 0;
};

std::uint32_t low_half(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high_half(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

// A check that can never hold, or names no argument, is a mistake in a table, not a rule.
bool well_formed(ArgumentChecks checks) {
  return !checks.empty() && checks.size() * 2 <= kMaxWords &&
         std::ranges::all_of(checks, [](const ArgumentCheck& check) {
           return check.index < 6 && check.mask != 0 && (check.value & ~check.mask) == 0;
         });
}

void add_word(Condition& condition, std::size_t offset, std::uint32_t mask, std::uint32_t value) {
  if (mask == 0) return;
  condition.checks[condition.count++] = {{static_cast<std::uint32_t>(offset), mask}, value};
}

// x86_64: the low half comes first in memory.
Condition in_words(ArgumentChecks checks) {
  Condition condition;
  for (const ArgumentCheck& check : checks) {
    const std::size_t offset = offsetof(seccomp_data, args) + std::size_t{8} * check.index;
    add_word(condition, offset + 4, high_half(check.mask), high_half(check.value));
    add_word(condition, offset, low_half(check.mask), low_half(check.value));
  }
  return condition;
}

std::size_t count_alike(Conditions conditions, auto&& key) {
  std::size_t count = 1;
  while (count < conditions.size() && key(conditions[count]) == key(conditions[0])) ++count;
  return count;
}

void add_value(std::vector<Interval>& intervals, std::uint32_t value, BpfPlace target) {
  const bool joins =
      !intervals.empty() && intervals.back().target == target && intervals.back().last + 1 == value;
  if (joins)
    intervals.back().last = value;
  else
    intervals.push_back({value, value, target});
}

// From the greatest values down: each comparison runs before those written so far.
BpfPlace write_intervals(const std::vector<Interval>& intervals, BpfPlace no, BpfWriter& code) {
  BpfPlace next = no;
  for (auto each = intervals.rbegin(); each != intervals.rend(); ++each) {
    if (each->last - each->first < 2) {
      if (each->last != each->first) next = code.when_equal(each->last, each->target, next);
      next = code.when_equal(each->first, each->target, next);
      continue;
    }
    const BpfPlace inside = code.when_at_least(each->first, each->target, no);
    next = code.when_at_least(each->last + 1, next, inside);
  }
  return next;
}

// `conditions` are in order and alike before `depth`.
BpfPlace write_from(Conditions conditions, std::size_t depth, BpfPlace yes, BpfPlace no,
                    BpfWriter& code) {
  if (conditions.empty()) return no;
  if (conditions[0].count == depth) return yes;
  const auto question = [depth](const Condition& each) { return each.checks[depth].question; };
  const auto value = [depth](const Condition& each) { return each.checks[depth].value; };
  const std::size_t asking = count_alike(conditions, question);
  no = write_from(conditions.subspan(asking), depth, yes, no, code);
  std::vector<Interval> intervals;
  for (Conditions rest = conditions.first(asking); !rest.empty();) {
    const std::size_t alike = count_alike(rest, value);
    add_value(intervals, value(rest[0]), write_from(rest.first(alike), depth + 1, yes, no, code));
    rest = rest.subspan(alike);
  }
  const Question asked = question(conditions[0]);
  return code.load(asked.offset, asked.mask, write_intervals(intervals, no, code));
}

}  // namespace

Result<BpfPlace> write_conditions(ArgumentConditions conditions, BpfPlace yes, BpfPlace no,
                                  BpfWriter& code) {
  if (!std::ranges::all_of(conditions, well_formed))
    return fail(Error{.kind = ErrorKind::internal,
                      .operation = "compile filter",
                      .detail = "a condition that cannot hold"});
  std::vector<Condition> in_order;
  in_order.reserve(conditions.size());
  for (const ArgumentChecks checks : conditions) in_order.push_back(in_words(checks));
  std::ranges::sort(in_order);
  return write_from(in_order, 0, yes, no, code);
}

}  // namespace yett

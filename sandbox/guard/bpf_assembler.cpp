#include "sandbox/guard/bpf_assembler.hpp"

#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>

namespace yett {
namespace {

constexpr std::size_t kMaxJump = 255;  // jt and jf are one byte

sock_filter statement(int code, std::uint32_t operand) {
  return {static_cast<std::uint16_t>(code), 0, 0, operand};
}

sock_filter jump(int code, std::uint32_t operand, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(code), yes, no, operand};
}

std::uint32_t low_half(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high_half(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

std::uint32_t offset_of_argument(std::uint8_t index) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8U * index);
}

// The accumulator becomes one half of the argument under its half of the mask (x86_64: low first).
void load_half(BpfCode& code, std::uint32_t offset, std::uint32_t mask) {
  code.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offset));
  if (mask != UINT32_MAX) code.push_back(statement(BPF_ALU | BPF_AND | BPF_K, mask));
}

void load_low(BpfCode& code, const ArgumentCheck& check) {
  load_half(code, offset_of_argument(check.index), low_half(check.mask));
}

// Jumps that leave for the end of the group, patched once its length is known.
using Leaving = std::vector<std::size_t>;

void require_equal(BpfCode& code, std::uint32_t value, Leaving& leaving) {
  leaving.push_back(code.size());
  code.push_back(bpf_jump_equal(value, 0, 0));
}

void require(BpfCode& code, const ArgumentCheck& check, Leaving& leaving) {
  if (high_half(check.mask) != 0) {
    load_half(code, offset_of_argument(check.index) + 4, high_half(check.mask));
    require_equal(code, high_half(check.value), leaving);
  }
  if (low_half(check.mask) != 0) {
    load_low(code, check);
    require_equal(code, low_half(check.value), leaving);
  }
}

// Conditions that differ only in the value of their last check: compared with one load.
bool joins(ArgumentChecks first, ArgumentChecks other) {
  if (first.size() != other.size()) return false;
  const ArgumentCheck& last = first.back();
  const ArgumentCheck& other_last = other.back();
  if (last.index != other_last.index || last.mask != other_last.mask) return false;
  if (high_half(last.mask) != 0) return false;
  return std::ranges::equal(first.first(first.size() - 1), other.first(other.size() - 1));
}

std::size_t length_of_group(ArgumentConditions conditions) {
  std::size_t length = 1;
  while (length < conditions.size() && joins(conditions[0], conditions[length])) ++length;
  return length;
}

void require_one_of(BpfCode& code, ArgumentConditions group, Leaving& leaving) {
  load_low(code, group[0].back());
  for (std::size_t i = 0; i + 1 < group.size(); ++i) {
    const auto to_match = static_cast<std::uint8_t>(group.size() - 1 - i);
    code.push_back(bpf_jump_equal(low_half(group[i].back().value), to_match, 0));
  }
  require_equal(code, low_half(group.back().back().value), leaving);
}

Status append_group(ArgumentConditions group, std::uint32_t action, BpfCode& code) {
  const std::size_t begin = code.size();
  Leaving leaving;
  for (const ArgumentCheck& check : group[0].first(group[0].size() - 1))
    require(code, check, leaving);
  if (group.size() == 1)
    require(code, group[0].back(), leaving);
  else
    require_one_of(code, group, leaving);
  code.push_back(bpf_return(action));
  if (code.size() - begin > kMaxJump)
    return fail(Error{.kind = ErrorKind::internal,
                      .operation = "compile filter",
                      .detail = "a condition is longer than a jump"});
  for (const std::size_t at : leaving)
    code[at].jf = static_cast<std::uint8_t>(code.size() - at - 1);
  return {};
}

// A check that can never hold, or names no argument, is a mistake in a table, not a rule.
bool well_formed(ArgumentChecks checks) {
  return !checks.empty() && std::ranges::all_of(checks, [](const ArgumentCheck& check) {
    return check.index < 6 && check.mask != 0 && (check.value & ~check.mask) == 0;
  });
}

}  // namespace

sock_filter bpf_return(std::uint32_t value) { return statement(BPF_RET | BPF_K, value); }

sock_filter bpf_load_number() {
  return statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
}

sock_filter bpf_load_architecture() {
  return statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
}

sock_filter bpf_jump_equal(std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
  return jump(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}

sock_filter bpf_jump_at_least(std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
  return jump(BPF_JMP | BPF_JGE | BPF_K, value, yes, no);
}

void bpf_finish_branch(std::uint32_t pivot, std::size_t jump_at, BpfCode& code) {
  const std::size_t low = code.size() - jump_at - 1;
  if (low <= kMaxJump) {
    code[jump_at] = bpf_jump_at_least(pivot, static_cast<std::uint8_t>(low), 0);
    return;
  }
  // Too far for a conditional jump: a long one behind it. All jumps are relative, so what moves
  // stays right.
  code[jump_at] = bpf_jump_at_least(pivot, 0, 1);
  code.insert(code.begin() + static_cast<std::ptrdiff_t>(jump_at) + 1,
              statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(low)));
}

Status bpf_append_when(ArgumentConditions conditions, std::uint32_t action, std::uint32_t otherwise,
                       BpfCode& code) {
  if (!std::ranges::all_of(conditions, well_formed))
    return fail(Error{.kind = ErrorKind::internal,
                      .operation = "compile filter",
                      .detail = "a condition that cannot hold"});
  for (ArgumentConditions rest = conditions; !rest.empty();) {
    const std::size_t length = length_of_group(rest);
    YETT_CHECK(append_group(rest.first(length), action, code));
    rest = rest.subspan(length);
  }
  code.push_back(bpf_return(otherwise));
  return {};
}

}  // namespace yett

// Device rules as a BPF program: run by a small interpreter of the few instructions that it is made
// of, beside the rules read literally.
#include "sandbox/guard/device_program.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace yett {
namespace {

struct Access {
  std::uint32_t kind = BPF_DEVCG_DEV_CHAR;
  std::uint32_t access = BPF_DEVCG_ACC_READ;
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
};

std::uint64_t context_word(const Access& asked, std::int16_t offset) {
  if (offset == offsetof(bpf_cgroup_dev_ctx, access_type)) return asked.access << 16 | asked.kind;
  return offset == offsetof(bpf_cgroup_dev_ctx, major) ? asked.major : asked.minor;
}

bool jumps(const bpf_insn& step, std::uint64_t value) {
  const auto with = static_cast<std::uint32_t>(step.imm);
  if (step.code == (BPF_JMP | BPF_JA)) return true;
  if (step.code == (BPF_JMP32 | BPF_JNE | BPF_K)) return static_cast<std::uint32_t>(value) != with;
  return (static_cast<std::uint32_t>(value) & with) != 0;  // JSET
}

std::uint64_t calculated(const bpf_insn& step, const std::array<std::uint64_t, 11>& registers) {
  const std::uint64_t value = registers[step.dst_reg];
  const auto with = static_cast<std::uint64_t>(static_cast<std::int64_t>(step.imm));
  switch (BPF_OP(step.code)) {
    case BPF_AND:
      return value & with;
    case BPF_RSH:
      return value >> with;
    default:
      return BPF_SRC(step.code) == BPF_X ? registers[step.src_reg] : with;
  }
}

bool answer(const std::vector<bpf_insn>& program, const Access& asked) {
  std::array<std::uint64_t, 11> registers{};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& step = program[at];
    if (step.code == (BPF_JMP | BPF_EXIT)) return registers[BPF_REG_0] != 0;
    const unsigned kind = BPF_CLASS(step.code);
    if (kind == BPF_LDX)
      registers[step.dst_reg] = context_word(asked, step.off);
    else if (kind == BPF_ALU64)
      registers[step.dst_reg] = calculated(step, registers);
    else if (jumps(step, registers[step.dst_reg]))
      at += static_cast<std::size_t>(step.off);
  }
  ADD_FAILURE() << "the program runs past its end";
  return false;
}

bool speaks_of(const DeviceAccessRule& rule, const Access& asked) {
  const std::uint32_t kind =
      rule.kind == DeviceKind::block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  return (rule.kind == DeviceKind::any || kind == asked.kind) &&
         rule.major.value_or(asked.major) == asked.major &&
         rule.minor.value_or(asked.minor) == asked.minor;
}

// For each kind of access by itself, the last rule decides.
bool allowed(const std::vector<DeviceAccessRule>& rules, const Access& asked) {
  for (const std::uint32_t bit : {BPF_DEVCG_ACC_MKNOD, BPF_DEVCG_ACC_READ, BPF_DEVCG_ACC_WRITE}) {
    if ((asked.access & bit) == 0) continue;
    bool allow = false;
    for (const DeviceAccessRule& rule : rules)
      if ((rule.access & bit) != 0 && speaks_of(rule, asked)) allow = rule.allow;
    if (!allow) return false;
  }
  return true;
}

TEST(DeviceProgram, WithoutRulesRefuses) { EXPECT_FALSE(answer(make_device_program({}), {})); }

TEST(DeviceProgram, AllowsWhatIsListedAndItsNearestNot) {
  const std::vector<DeviceAccessRule> rules{{.allow = true,
                                             .kind = DeviceKind::character,
                                             .major = 1,
                                             .minor = 3,
                                             .access = BPF_DEVCG_ACC_READ}};
  const auto program = make_device_program(rules);
  EXPECT_TRUE(answer(program, {.major = 1, .minor = 3}));
  EXPECT_FALSE(answer(program, {.major = 1, .minor = 4}));
  EXPECT_FALSE(answer(program, {.major = 2, .minor = 3}));
  EXPECT_FALSE(answer(program, {.kind = BPF_DEVCG_DEV_BLOCK, .major = 1, .minor = 3}));
  EXPECT_FALSE(answer(program, {.access = BPF_DEVCG_ACC_WRITE, .major = 1, .minor = 3}));
}

TEST(DeviceProgram, IsTheRulesReadLiterally) {
  std::mt19937 random(1);
  const auto below = [&random](std::uint32_t end) {
    return static_cast<std::uint32_t>(random() % end);
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<DeviceAccessRule> rules(below(8));
    for (DeviceAccessRule& rule : rules) {
      rule = {.allow = below(2) == 0,
              .kind = static_cast<DeviceKind>(below(3)),
              .access = 1 + below(7)};
      if (below(2) == 0) rule.major = below(3);
      if (below(2) == 0) rule.minor = below(3);
    }
    const auto program = make_device_program(rules);
    for (std::uint32_t asked = 0; asked < 2 * 7 * 9; ++asked) {
      const Access access{.kind = 1 + asked % 2,
                          .access = 1 + asked / 2 % 7,
                          .major = asked / 14 % 3,
                          .minor = asked / 42};
      ASSERT_EQ(answer(program, access), allowed(rules, access)) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace yett

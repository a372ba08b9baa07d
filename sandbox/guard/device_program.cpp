#include "sandbox/guard/device_program.hpp"

#include <cstddef>
#include <ranges>

#include "ioctl_uapi/bpf_program.hpp"

namespace yett {
namespace {

// What the program keeps in registers. `asked` are the accesses that nobody has allowed yet.
constexpr std::uint8_t kAnswer = BPF_REG_0;
constexpr std::uint8_t kContext = BPF_REG_1;
constexpr std::uint8_t kKind = BPF_REG_2;
constexpr std::uint8_t kAsked = BPF_REG_3;
constexpr std::uint8_t kMajor = BPF_REG_4;
constexpr std::uint8_t kMinor = BPF_REG_5;

bpf_insn instruction(unsigned code, std::uint8_t to, std::uint32_t value = 0,
                     std::size_t skipped = 0) {
  bpf_insn made{};
  made.code = static_cast<std::uint8_t>(code);
  made.dst_reg = to & 0xF;
  made.off = static_cast<std::int16_t>(skipped);
  made.imm = static_cast<std::int32_t>(value);
  return made;
}

bpf_insn load(std::uint8_t to, std::size_t offset) {
  bpf_insn made = instruction(BPF_LDX | BPF_MEM | BPF_W, to, 0, offset);
  made.src_reg = kContext;
  return made;
}

bpf_insn move(std::uint8_t to, std::uint8_t from) {
  bpf_insn made = instruction(BPF_ALU64 | BPF_MOV | BPF_X, to);
  made.src_reg = from & 0xF;
  return made;
}

using Program = std::vector<bpf_insn>;

void append_answer(Program& program, bool allow) {
  program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, kAnswer, allow ? 1 : 0));
  program.push_back(instruction(BPF_JMP | BPF_EXIT, 0));
}

// The rule's effect on a device that it speaks of.
Program effect_of(const DeviceAccessRule& rule) {
  Program effect;
  if (rule.allow) {
    effect.push_back(instruction(BPF_ALU64 | BPF_AND | BPF_K, kAsked, ~rule.access));
    effect.push_back(instruction(BPF_JMP32 | BPF_JNE | BPF_K, kAsked, 0, 2));
  } else {
    effect.push_back(instruction(BPF_JMP32 | BPF_JSET | BPF_K, kAsked, rule.access, 1));
    effect.push_back(instruction(BPF_JMP | BPF_JA, 0, 0, 2));
  }
  append_answer(effect, rule.allow);
  return effect;
}

// Skips the effect unless the register is equal.
void append_condition(Program& program, std::uint8_t with, std::uint32_t value,
                      std::size_t skipped) {
  program.push_back(instruction(BPF_JMP32 | BPF_JNE | BPF_K, with, value, skipped));
}

void append_rule(Program& program, const DeviceAccessRule& rule) {
  const Program effect = effect_of(rule);
  std::size_t skipped = effect.size() + (rule.major ? 1 : 0) + (rule.minor ? 1 : 0);
  const std::uint32_t kind =
      rule.kind == DeviceKind::block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  if (rule.kind != DeviceKind::any) append_condition(program, kKind, kind, skipped);
  if (rule.major) append_condition(program, kMajor, *rule.major, --skipped);
  if (rule.minor) append_condition(program, kMinor, *rule.minor, --skipped);
  program.insert(program.end(), effect.begin(), effect.end());
}

}  // namespace

// SECURITY(container-device-rules): nothing that no rule allows.
Program make_device_program(std::span<const DeviceAccessRule> rules) {
  Program program{load(kKind, offsetof(bpf_cgroup_dev_ctx, access_type)),
                  move(kAsked, kKind),
                  instruction(BPF_ALU64 | BPF_AND | BPF_K, kKind, 0xFFFF),
                  instruction(BPF_ALU64 | BPF_RSH | BPF_K, kAsked, 16),
                  load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
                  load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor))};
  for (const DeviceAccessRule& rule : std::ranges::reverse_view(rules)) append_rule(program, rule);
  append_answer(program, false);
  return program;
}

Status restrict_devices(BorrowedFd cgroup, std::span<const DeviceAccessRule> rules) {
  YETT_TRY(const UniqueFd program, load_device_program(make_device_program(rules)));
  return attach_device_program(cgroup, program.borrow());
}

}  // namespace yett

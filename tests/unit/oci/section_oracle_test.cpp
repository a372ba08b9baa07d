// Our own compiler of a section against libseccomp's: the same rules, the same answers. Of several
// rules for one call that compare the same argument by order, libseccomp 2.5.4 merges some wrongly
// (read: 1 <= MAX-1 and 2 & 0xFFFFFFFF == 0, or 1 > 0x500000007: it allows read(0, 0, 4294967290)),
// so random rules are held against their plain meaning, and against libseccomp one by one.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <set>

#include "sandbox/seccomp/section_library.hpp"
#include "sandbox/seccomp/section_program.hpp"
#include "tests/support/bpf_interpreter.hpp"
#include "tests/unit/oci/configs.hpp"
#include "tests/unit/oci/docker_section.hpp"

namespace yett::oci {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;
using Values = std::set<std::uint64_t>;

// Values that a comparison names, their neighbours, and each with other bits of the upper half.
Values telling_values(const SectionRules& rules, int number, std::uint32_t index) {
  Values values{0};
  for (const SectionRule& rule : rules.rules)
    for (const SectionArgument& argument : rule.args) {
      if (rule.number != number || argument.index != index) continue;
      for (const std::uint64_t named : {argument.value, argument.value_two})
        for (const std::uint64_t near : {named - 1, named, named + 1})
          for (const std::uint64_t flip : {0ULL, 1ULL << 32, 1ULL << 63, 4ULL})
            values.insert(near ^ flip);
    }
  return values;
}

bool holds(const SectionArgument& argument, std::uint64_t value) {
  switch (argument.op) {
    case SectionCompare::ne:
      return value != argument.value;
    case SectionCompare::lt:
      return value < argument.value;
    case SectionCompare::le:
      return value <= argument.value;
    case SectionCompare::eq:
      return value == argument.value;
    case SectionCompare::ge:
      return value >= argument.value;
    case SectionCompare::gt:
      return value > argument.value;
    case SectionCompare::masked_eq:
      return (value & argument.value) == argument.value_two;
  }
  return false;
}

// Of a call that some rule names.
std::uint32_t meaning(const SectionRules& rules, const seccomp_data& data) {
  for (const SectionRule& rule : rules.rules)
    if (rule.number == data.nr &&
        std::ranges::all_of(rule.args, [&data](const SectionArgument& argument) {
          return holds(argument, data.args[argument.index]);
        }))
      return rule.answer;
  return data.nr > rules.greatest ? rules.answer_beyond : rules.default_answer;
}

class Oracle {
 public:
  explicit Oracle(const SeccompSection& section) : rules_(resolve_section(section)) {
    const auto theirs = compile_by_library(section, rules_);
    EXPECT_TRUE(theirs) << theirs.error().message();
    if (theirs) theirs_ = *theirs;
    if (const auto ours = write_section_program(rules_)) ours_ = *ours;
  }
  [[nodiscard]] bool plain() const { return !ours_.empty(); }
  [[nodiscard]] std::size_t length() const { return ours_.size(); }
  [[nodiscard]] std::size_t their_length() const { return theirs_.size(); }

  void compare(const seccomp_data& data) const {
    EXPECT_EQ(run_bpf(ours_, data), run_bpf(theirs_, data))
        << std::hex << data.arch << ' ' << std::dec << data.nr << ' ' << data.args[0] << ' '
        << data.args[1] << ' ' << data.args[2];
  }
  template <typename Check>
  void for_each_telling_call(int number, Check check) const {
    for (const std::uint64_t first : telling_values(rules_, number, 0))
      for (const std::uint64_t second : telling_values(rules_, number, 1))
        for (const std::uint64_t third : telling_values(rules_, number, 2))
          check(seccomp_data{.nr = number,
                             .arch = AUDIT_ARCH_X86_64,
                             .instruction_pointer = 0,
                             .args = {first, second, third, 0, 0, 0}});
  }
  void compare_arguments(int number) const {
    for_each_telling_call(number, [this](const seccomp_data& data) { compare(data); });
  }
  void compare_with_meaning(int number) const {
    for_each_telling_call(number, [this](const seccomp_data& data) {
      EXPECT_EQ(run_bpf(ours_, data), meaning(rules_, data))
          << data.nr << ' ' << data.args[0] << ' ' << data.args[1] << ' ' << data.args[2];
    });
  }
  void compare_every_number() const {
    for (int number = 0; number < 600; ++number) compare_arguments(number);
  }
  // Only for a section that names no ABI but this machine's.
  void compare_other_abis() const {
    for (const std::uint32_t number : {0U, 1U, 59U, kX32Bit, kX32Bit | 59, UINT32_MAX})
      for (const unsigned arch :
           {AUDIT_ARCH_X86_64 + 0U, AUDIT_ARCH_I386 + 0U, AUDIT_ARCH_ARM + 0U})
        compare(
            {.nr = static_cast<int>(number), .arch = arch, .instruction_pointer = 0, .args = {}});
  }

 private:
  SectionRules rules_;
  std::vector<sock_filter> ours_;
  std::vector<sock_filter> theirs_;
};

TEST(SectionOracle, PodmansSection) {
  const auto config = parse_config(good_text("podman.json"), "podman.json");
  ASSERT_TRUE(config) << config.error().message();
  const Oracle oracle(*config->linux_.seccomp);
  ASSERT_TRUE(oracle.plain());
  oracle.compare_every_number();
  EXPECT_LT(oracle.length(), oracle.their_length() / 2);
}

TEST(SectionOracle, DockersSection) {
  SeccompSection section = docker_section();
  ASSERT_TRUE(Oracle(section).plain());
  Oracle(section).compare_every_number();
  section.architectures = {"SCMP_ARCH_X86_64"};
  Oracle(section).compare_other_abis();
}

TEST(SectionOracle, NothingNamed) {
  SeccompSection section;
  const Oracle oracle(section);
  ASSERT_TRUE(oracle.plain());
  oracle.compare_every_number();
  oracle.compare_other_abis();
}

TEST(SectionOracle, TheFirstAndTheLastNumber) {
  SeccompSection section;
  section.syscalls = {
      {.names = {"read"}, .action = SectionAction::allow, .errno_ret = {}, .args = {}},
      {.names = {"process_mrelease"},
       .action = SectionAction::allow,
       .errno_ret = {},
       .args = {{.index = 0, .value = 1}}}};
  for (const auto action : {SectionAction::errno_, SectionAction::kill_process, SectionAction::trap,
                            SectionAction::log, SectionAction::trace}) {
    section.default_action = action;
    const Oracle oracle(section);
    ASSERT_TRUE(oracle.plain());
    oracle.compare_every_number();
    oracle.compare_other_abis();
  }
}

TEST(SectionOracle, WhichRuleHoldsIsLeftToLibseccompWhereTheyDiffer) {
  const auto allow_when = [](SectionArgument argument) {
    return SectionSyscalls{
        .names = {"dup"}, .action = SectionAction::allow, .errno_ret = {}, .args = {argument}};
  };
  const auto refuse_when = [](SectionArgument argument) {
    return SectionSyscalls{
        .names = {"dup"}, .action = SectionAction::errno_, .errno_ret = EXDEV, .args = {argument}};
  };
  using enum SectionCompare;
  SeccompSection section;
  section.syscalls = {allow_when({.index = 0, .value = 5}), refuse_when({.index = 0, .value = 6})};
  EXPECT_TRUE(Oracle(section).plain()) << "no value is both";
  Oracle(section).compare_every_number();
  section.syscalls[1] = refuse_when({.index = 0, .value = 5, .op = ne});
  EXPECT_TRUE(Oracle(section).plain());
  Oracle(section).compare_every_number();
  section.syscalls[1] = refuse_when({.index = 1, .value = 6});
  EXPECT_FALSE(Oracle(section).plain()) << "both can hold";
  section.syscalls[1] = refuse_when({.index = 0, .value = 6, .op = lt});
  EXPECT_FALSE(Oracle(section).plain()) << "5 is both";
  section.syscalls[1] = refuse_when({.index = 0, .value = 4, .value_two = 8, .op = masked_eq});
  EXPECT_FALSE(Oracle(section).plain()) << "a value outside of its mask";
}

// Of calls with several rules, those that agree.
SectionSyscalls random_rule(std::mt19937& random) {
  static const std::vector<std::string> kNames{"read", "dup", "socket", "personality", "openat2"};
  constexpr auto kSpecial =
      std::to_array<std::uint64_t>({0ULL, 1ULL, 7ULL, 0xFFFFFFFFULL, 0x100000000ULL, 0x500000007ULL,
                                    UINT64_MAX - 1, UINT64_MAX});
  const auto below = [&random](std::size_t limit) {
    return static_cast<std::size_t>(random()) % limit;
  };
  SectionSyscalls rule{.names = {kNames[below(kNames.size())]},
                       .action = SectionAction::allow,
                       .errno_ret = {},
                       .args = {}};
  for (std::uint32_t index = 0; index < 3; ++index) {
    if (below(2) == 0) continue;
    SectionArgument argument{.index = index, .value = kSpecial[below(kSpecial.size())]};
    argument.op = static_cast<SectionCompare>(below(7));
    if (argument.op == SectionCompare::masked_eq)
      argument.value_two = argument.value & kSpecial[below(kSpecial.size())];
    rule.args.push_back(argument);
  }
  return rule;
}

TEST(SectionOracle, RulesByChance) {
  std::mt19937 random(20);  // NOLINT(bugprone-random-generator-seed): the same each time
  int plain = 0;
  for (int i = 0; i < 60; ++i) {
    SeccompSection section;
    for (std::size_t rules = 1 + random() % 5; rules > 0; --rules)
      section.syscalls.push_back(random_rule(random));
    const Oracle oracle(section);
    if (!oracle.plain()) continue;  // a mask of nothing
    ++plain;
    for (const int number :
         {SYS_read, SYS_dup, SYS_socket, SYS_personality, SYS_openat2, SYS_write})
      oracle.compare_with_meaning(number);
    section.syscalls.resize(1);
    Oracle(section).compare_every_number();
    if (HasFailure()) FAIL() << "section " << i;
  }
  EXPECT_GT(plain, 40);
}

}  // namespace
}  // namespace yett::oci

// The program that a seccomp section compiles to, run over calls.
#include <gmock/gmock.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cerrno>
#include <fstream>

#include "sandbox/seccomp/compile_section.hpp"
#include "tests/support/bpf_interpreter.hpp"
#include "tests/unit/oci/configs.hpp"

namespace yett::oci {
namespace {

using testing::ElementsAre;

struct Call {
  int number;
  std::array<std::uint64_t, 6> args{};
  std::uint32_t arch = AUDIT_ARCH_X86_64;
};

std::uint32_t answer(const CompiledSection& compiled, const Call& call) {
  seccomp_data data{.nr = call.number, .arch = call.arch};
  std::ranges::copy(call.args, data.args);
  const auto result = run_bpf(compiled.program, data);
  EXPECT_TRUE(result) << "a malformed program";
  return result.value_or(0);
}

CompiledSection compiled(const SeccompSection& section) {
  auto result = compile_section(section, OtherAbis::by_section);
  EXPECT_TRUE(result) << result.error().message();
  return result ? *result : CompiledSection{};
}

constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;

SeccompSection only(SectionSyscalls rule) {
  SeccompSection section;
  section.syscalls.push_back(std::move(rule));
  return section;
}

TEST(SeccompSection, TheDefaultIsForTheRest) {
  SeccompSection section = only({.names = {"read", "write"}, .action = SectionAction::allow});
  EXPECT_EQ(answer(compiled(section), {SYS_read}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(compiled(section), {SYS_write}), SECCOMP_RET_ALLOW);
  section.syscalls.push_back({.names = {"process_mrelease"}, .action = SectionAction::allow});
  EXPECT_EQ(answer(compiled(section), {SYS_open}), kRefused);
  section.default_errno_ret = ENOSYS;
  EXPECT_EQ(answer(compiled(section), {SYS_open}), SECCOMP_RET_ERRNO | ENOSYS);
}

TEST(SeccompSection, EveryActionIsTheKernels) {
  const std::vector<std::pair<SectionAction, std::uint32_t>> actions{
      {SectionAction::kill_thread, SECCOMP_RET_KILL_THREAD},
      {SectionAction::kill_process, SECCOMP_RET_KILL_PROCESS},
      {SectionAction::trap, SECCOMP_RET_TRAP},
      {SectionAction::errno_, SECCOMP_RET_ERRNO | EPERM},
      {SectionAction::trace, SECCOMP_RET_TRACE | EPERM},
      {SectionAction::log, SECCOMP_RET_LOG},
      {SectionAction::notify, SECCOMP_RET_USER_NOTIF},
  };
  for (const auto& [action, expected] : actions) {
    SeccompSection section = only({.names = {"mkdir"}, .action = action});
    section.default_action = SectionAction::allow;
    EXPECT_EQ(answer(compiled(section), {SYS_mkdir}), expected) << section_action_name(action);
    EXPECT_EQ(answer(compiled(section), {SYS_rmdir}), SECCOMP_RET_ALLOW);
    EXPECT_EQ(compiled(section).notifies, action == SectionAction::notify);
    if (action == SectionAction::notify) continue;
    SeccompSection other =
        only({.names = {"mkdir", "process_mrelease"}, .action = SectionAction::allow});
    other.default_action = action;
    EXPECT_EQ(answer(compiled(other), {SYS_rmdir}), expected) << section_action_name(action);
  }
}

TEST(SeccompSection, ErrnoReturnIsTheRules) {
  SeccompSection section =
      only({.names = {"mkdir"}, .action = SectionAction::errno_, .errno_ret = EXDEV});
  section.default_action = SectionAction::allow;
  EXPECT_EQ(answer(compiled(section), {SYS_mkdir}), SECCOMP_RET_ERRNO | EXDEV);
  section.syscalls[0].errno_ret = 0;
  EXPECT_EQ(answer(compiled(section), {SYS_mkdir}), SECCOMP_RET_ERRNO | 0U);
}

TEST(SeccompSection, EveryComparison) {
  struct Compared {
    SectionCompare op;
    std::vector<std::uint64_t> allowed;
    std::vector<std::uint64_t> refused;
  };
  constexpr std::uint64_t kHigh = 1ULL << 32;
  const std::vector<Compared> cases{
      {SectionCompare::ne, {9, 11, 10 | kHigh}, {10}},
      {SectionCompare::lt, {0, 9}, {10, 11, kHigh}},
      {SectionCompare::le, {0, 10}, {11, 10 | kHigh}},
      {SectionCompare::eq, {10}, {9, 11, 10 | kHigh}},
      {SectionCompare::ge, {10, 11, kHigh}, {9, 0}},
      {SectionCompare::gt, {11, 10 | kHigh}, {10, 9}},
  };
  for (const Compared& compared : cases) {
    const CompiledSection program =
        compiled(only({.names = {"dup"},
                       .action = SectionAction::allow,
                       .args = {{.index = 0, .value = 10, .op = compared.op}}}));
    for (const std::uint64_t value : compared.allowed)
      EXPECT_EQ(answer(program, {SYS_dup, {value}}), SECCOMP_RET_ALLOW)
          << section_compare_name(compared.op) << ' ' << value;
    for (const std::uint64_t value : compared.refused)
      EXPECT_EQ(answer(program, {SYS_dup, {value}}), kRefused)
          << section_compare_name(compared.op) << ' ' << value;
  }
}

TEST(SeccompSection, AMaskedComparisonTakesItsMaskFirst) {
  const CompiledSection program = compiled(only(
      {.names = {"clone"},
       .action = SectionAction::allow,
       .args = {
           {.index = 0, .value = 0x7E020000, .value_two = 0, .op = SectionCompare::masked_eq}}}));
  EXPECT_EQ(answer(program, {SYS_clone, {0x11}}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(program, {SYS_clone, {0x10000000}}), kRefused);
}

TEST(SeccompSection, DifferentArgumentsMustAllHoldTheSameOneAny) {
  const CompiledSection both =
      compiled(only({.names = {"socket"},
                     .action = SectionAction::allow,
                     .args = {{.index = 0, .value = 1}, {.index = 1, .value = 2}}}));
  EXPECT_EQ(answer(both, {SYS_socket, {1, 2}}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(both, {SYS_socket, {1, 3}}), kRefused);
  const CompiledSection any =
      compiled(only({.names = {"socket"},
                     .action = SectionAction::allow,
                     .args = {{.index = 0, .value = 1}, {.index = 0, .value = 2}}}));
  EXPECT_EQ(answer(any, {SYS_socket, {1}}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(any, {SYS_socket, {2}}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(any, {SYS_socket, {3}}), kRefused);
}

TEST(SeccompSection, UnknownNamesAreLeftOut) {
  const CompiledSection program =
      compiled(only({.names = {"read", "no_such_call", "no_such_call", "s390_sthyi"},
                     .action = SectionAction::allow}));
  EXPECT_EQ(answer(program, {SYS_read}), SECCOMP_RET_ALLOW);
  EXPECT_THAT(program.unknown_calls, ElementsAre("no_such_call"));
}

TEST(SeccompSection, ArchitecturesThatAreNotNamedAreKilled) {
  SeccompSection section = only({.names = {"read"}, .action = SectionAction::allow});
  const Call foreign{3 /* read */, {}, AUDIT_ARCH_I386};
  EXPECT_EQ(answer(compiled(section), foreign), SECCOMP_RET_KILL_THREAD);
  section.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  EXPECT_EQ(answer(compiled(section), foreign), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(compiled(section), {SYS_read | 0x40000000}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(compiled(section), {4, {}, AUDIT_ARCH_I386}), kRefused) << "write";
}

TEST(SeccompSection, NumbersThatASectionCannotKnowAreENOSYS) {
  SeccompSection section = only({.names = {"openat2", "mkdir"}, .action = SectionAction::allow});
  const auto expect = [&section](std::uint32_t beyond) {
    for (const char* architecture : {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}) {  // ours, libseccomp's
      section.architectures = {architecture};
      const CompiledSection program = compiled(section);
      EXPECT_EQ(program.by_library, architecture == std::string("SCMP_ARCH_X86"));
      EXPECT_EQ(answer(program, {SYS_openat2 + 1}), beyond);
      EXPECT_EQ(answer(program, {1000}), beyond);
      EXPECT_EQ(answer(program, {SYS_openat2}), SECCOMP_RET_ALLOW);
      EXPECT_NE(answer(program, {SYS_openat2 - 1}), SECCOMP_RET_ERRNO | ENOSYS);
      EXPECT_EQ(answer(program, {SYS_mkdir | 0x40000000}), SECCOMP_RET_KILL_THREAD) << "x32";
    }
  };
  expect(SECCOMP_RET_ERRNO | ENOSYS);
  section.default_action = SectionAction::kill_process;
  expect(SECCOMP_RET_ERRNO | ENOSYS);
  section.default_action = SectionAction::log;
  section.syscalls[0].action = SectionAction::allow;
  expect(SECCOMP_RET_LOG);
}

TEST(SeccompSection, OtherAbisMayBeNobodysBusiness) {
  SeccompSection section = only({.names = {"read"}, .action = SectionAction::allow});
  section.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  EXPECT_TRUE(compiled(section).by_library);
  const auto ours = compile_section(section, OtherAbis::killed_below);
  ASSERT_TRUE(ours);
  EXPECT_FALSE(ours->by_library);
  EXPECT_EQ(answer(*ours, {SYS_read}), SECCOMP_RET_ALLOW);
}

TEST(SeccompSection, FlagsAreTheKernels) {
  SeccompSection section = only({.names = {"read"}, .action = SectionAction::notify});
  section.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                   "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  EXPECT_EQ(compiled(section).flags, 1U | 2U | 4U | 32U);
  section.syscalls.clear();
  EXPECT_EQ(compiled(section).flags, 1U | 2U | 4U) << "no listener, nobody to wait for";
  section.flags = {"SECCOMP_FILTER_FLAG_NEVER"};
  EXPECT_FALSE(compile_section(section, OtherAbis::by_section));
}

TEST(SeccompSection, ARealSectionAnswersAsItsRulesSay) {
  // podman's, of 374 names and more.
  const auto config = parse_config(good_text("podman.json"), "podman.json");
  ASSERT_TRUE(config) << config.error().message();
  const CompiledSection program = compiled(*config->linux_.seccomp);
  for (const int allowed : {SYS_read, SYS_execve, SYS_clone, SYS_setuid, SYS_chown, SYS_futex})
    EXPECT_EQ(answer(program, {allowed}), SECCOMP_RET_ALLOW) << allowed;
  EXPECT_EQ(answer(program, {SYS_kexec_load}), kRefused);
  EXPECT_EQ(answer(program, {SYS_userfaultfd}), kRefused);
  EXPECT_EQ(answer(program, {SYS_bpf}), kRefused);
  EXPECT_EQ(answer(program, {SYS_personality, {0}}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(program, {SYS_personality, {0x0040000}}), SECCOMP_RET_ERRNO | ENOSYS);
  EXPECT_EQ(answer(program, {SYS_socket, {16, 3, 9}}), SECCOMP_RET_ERRNO | EINVAL) << "audit";
  EXPECT_EQ(answer(program, {SYS_socket, {16, 3, 0}}), SECCOMP_RET_ALLOW);
}

}  // namespace
}  // namespace yett::oci

// Verdicts as a table: each refusal has its allowed twin, and what cannot be is denied.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <string>

#include "ioctl_uapi/include/yett/uapi.h"
#include "supervisor/verdict/verdict.hpp"

namespace yett {
namespace {

SyscallRule make_rule(const char* name, std::uint32_t number, SyscallAction action) {
  return SyscallRule{.name = name,
                     .number = number,
                     .action = action,
                     .source = SourceLocation{.file = "plugin table"}};
}

// Rules point into static tables; these are the tests' own.
constexpr std::array kUnixFamily{ArgumentCheck{.index = 0, .mask = UINT32_MAX, .value = 1}};
constexpr std::array kInetStream{ArgumentCheck{.index = 0, .mask = UINT32_MAX, .value = 2},
                                 ArgumentCheck{.index = 1, .mask = 0xF, .value = 1}};
constexpr std::array<ArgumentChecks, 2> kSockets{kUnixFamily, kInetStream};
constexpr std::array kReads{ArgumentCheck{.index = 2, .value = 0}};
constexpr std::array<ArgumentChecks, 1> kReadsOnly{kReads};

class VerdictTest : public ::testing::Test {
 protected:
  VerdictTest() {
    SyscallRule socket = make_rule("socket", SYS_socket, SyscallAction::allow);
    socket.when = kSockets;
    socket.otherwise = SyscallAction::refuse;
    socket.refuse_errno = EAFNOSUPPORT;
    SyscallRule prlimit = make_rule("prlimit64", SYS_prlimit64, SyscallAction::allow);
    prlimit.when = kReadsOnly;
    prlimit.otherwise = SyscallAction::notify;
    SyscallRule mount = make_rule("mount", SYS_mount, SyscallAction::refuse);
    mount.source = {.file = "my.toml", .line = 4, .column = 9};
    // Ordered by number.
    plan_.filter.rules = {make_rule("read", SYS_read, SyscallAction::allow),
                          make_rule("ioctl", SYS_ioctl, SyscallAction::refuse),
                          socket,
                          make_rule("sysinfo", SYS_sysinfo, SyscallAction::notify),
                          make_rule("ptrace", SYS_ptrace, SyscallAction::refuse),
                          make_rule("setrlimit", SYS_setrlimit, SyscallAction::notify),
                          mount,
                          make_rule("kexec_load", SYS_kexec_load, SyscallAction::kill),
                          prlimit};
    plan_.emulation = {.sysinfo = true, .setrlimit = true};
  }

  static Snapshot call(std::uint32_t number, std::array<std::uint64_t, 6> arguments = {}) {
    return Snapshot{.architecture = AUDIT_ARCH_X86_64, .call = number, .arguments = arguments};
  }
  [[nodiscard]] Verdict decide(const Snapshot& snapshot) const {
    return PolicyEngine(plan_).decide(snapshot);
  }
  void expect_deny(const Snapshot& snapshot, int error) const {
    const Verdict verdict = decide(snapshot);
    EXPECT_EQ(verdict.kind, VerdictKind::deny);
    EXPECT_EQ(verdict.error, error);
  }
  void expect_emulation(const Snapshot& snapshot, Emulation emulation) const {
    const Verdict verdict = decide(snapshot);
    EXPECT_EQ(verdict.kind, VerdictKind::emulate);
    EXPECT_EQ(verdict.emulation, emulation);
  }

  SandboxPlan plan_;
};

TEST_F(VerdictTest, RefusesWithTheRulesErrno) {
  expect_deny(call(SYS_ptrace), EPERM);
  expect_deny(call(SYS_socket, {17}), EAFNOSUPPORT);
}

TEST_F(VerdictTest, EmulatesWhatTheRuleNotifies) {
  expect_emulation(call(SYS_sysinfo), Emulation::sysinfo);
  expect_emulation(call(SYS_setrlimit), Emulation::setrlimit);
  expect_emulation(call(SYS_prlimit64, {0, 7, 0x1000, 0}), Emulation::prlimit64);
}

// Commands of yett/uapi.h, as the kernel reads them: the lower half of the register.
TEST_F(VerdictTest, CarriesOutCommandsToTheSupervisor) {
  expect_emulation(call(SYS_ioctl, {3, YETT_INFO}), Emulation::control);
  expect_emulation(call(SYS_ioctl, {3, YETT_INFO | 1ULL << 40}), Emulation::control);
  expect_deny(call(SYS_ioctl, {3, 0x5412}), EPERM);
  expect_deny(call(SYS_ioctl, {3, std::uint64_t{YETT_INFO} << 32}), EPERM);
  expect_deny(call(SYS_ptrace, {3, YETT_INFO}), EPERM);
}

TEST_F(VerdictTest, DeniesAnEmulationThatThePlanLacks) {
  plan_.emulation = {};
  expect_deny(call(SYS_sysinfo), EPERM);
  expect_deny(call(SYS_setrlimit), EPERM);
  expect_deny(call(SYS_prlimit64, {0, 7, 0x1000, 0}), EPERM);
}

// SECURITY(fail-closed) SECURITY(no-continue): the filter never sends these; if one comes, nothing
// lets it pass.
TEST_F(VerdictTest, DeniesWhatShouldNeverArrive) {
  expect_deny(call(SYS_read), EPERM);
  expect_deny(call(SYS_socket, {1}), EPERM);
  expect_deny(call(SYS_kexec_load), EPERM);
  expect_deny(call(9999), EPERM);
  Snapshot foreign = call(SYS_sysinfo);
  foreign.architecture = AUDIT_ARCH_I386;
  expect_deny(foreign, EPERM);
}

TEST_F(VerdictTest, NeverDeniesWithErrnoZero) {
  for (SyscallRule& rule : plan_.filter.rules) rule.refuse_errno = 0;
  expect_deny(call(SYS_ptrace), EPERM);
}

TEST_F(VerdictTest, ComparesAsTheFilterDoes) {
  const SyscallRule& socket = plan_.filter.rules[2];
  constexpr std::uint64_t kHigh = 1ULL << 32;
  EXPECT_EQ(action_for(socket, {1, 9}), SyscallAction::allow);
  EXPECT_EQ(action_for(socket, {1 | kHigh}), SyscallAction::allow);
  EXPECT_EQ(action_for(socket, {2, 1 | 0x800}), SyscallAction::allow);
  EXPECT_EQ(action_for(socket, {2, 2}), SyscallAction::refuse);
  EXPECT_EQ(action_for(socket, {10, 1}), SyscallAction::refuse);
}

TEST_F(VerdictTest, ExplainsRefusedModes) {
  plan_.filter.rules = {make_rule("chmod", SYS_chmod, SyscallAction::allow),
                        make_rule("openat2", SYS_openat2, SyscallAction::refuse)};
  EXPECT_EQ(PolicyEngine(plan_).mend_text(call(SYS_openat2)), "[syscalls] allow += [\"openat2\"]");
  plan_.filter.no_set_ids = true;
  const PolicyEngine engine(plan_);
  EXPECT_EQ(engine.mend_text(call(SYS_chmod, {0, 04755})), "[files] set_ids = true");
  EXPECT_EQ(engine.mend_text(call(SYS_openat2)), "[files] set_ids = true");
  EXPECT_EQ(engine.mend_text(call(SYS_chmod, {0, 0755})), "");
}

TEST_F(VerdictTest, ExplainsItself) {
  const PolicyEngine engine(plan_);
  EXPECT_EQ(engine.rule_text(call(SYS_ptrace)), "plugin table: ptrace");
  EXPECT_EQ(engine.mend_text(call(SYS_ptrace)), "[syscalls] allow += [\"ptrace\"]");
  EXPECT_EQ(engine.rule_text(call(SYS_mount)), "my.toml:4:9: mount");
  EXPECT_EQ(engine.mend_text(call(SYS_mount)), "[syscalls] deny -= [\"mount\"]");
  EXPECT_EQ(engine.mend_text(call(SYS_setrlimit, {7})), "[limits] open_files = N");
  EXPECT_EQ(engine.mend_text(call(SYS_setrlimit, {4})), "");
  plan_.emulation = {};
  EXPECT_EQ(PolicyEngine(plan_).mend_text(call(SYS_sysinfo)),
            "[syscalls] emulate += [\"sysinfo\"]");
  EXPECT_EQ(engine.rule_text(call(9999)), "filter: calls without a rule");
  EXPECT_EQ(engine.mend_text(call(SYS_socket, {2, 2})), "");  // no policy grants raw sockets
  EXPECT_EQ(engine.mend_text(call(9999)), "");
  EXPECT_EQ(engine.call_name(SYS_ptrace), "ptrace");
  EXPECT_EQ(engine.call_name(9999), "syscall 9999");
  EXPECT_EQ(PolicyEngine::object_text(call(SYS_ioctl, {0, 0x5412})), "request 0x5412");
  EXPECT_EQ(PolicyEngine::object_text(call(SYS_socket, {17})), "family 17");
  EXPECT_EQ(PolicyEngine::object_text(call(SYS_mount)), "");
}

}  // namespace
}  // namespace yett

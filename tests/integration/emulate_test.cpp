// Calls carried out for a target: each answer is what the kernel would have given, within the
// sandbox's limits.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <array>
#include <cerrno>

#include "supervisor/emulate/sandbox_identity.hpp"
#include "supervisor/loop/supervise.hpp"
#include "tests/support/fake_sandbox.hpp"
#include "tests/support/require.hpp"

namespace yett {
namespace {

using test::FakeSandbox;
using test::Shared;

// errno of a raw call, 0 for success: glibc's wrappers would check pointers before the kernel.
template <typename... Arguments>
int error_of(long number, Arguments... arguments) {
  return ::syscall(number, arguments...) == 0 ? 0 : errno;
}

// Runs `app` under supervision and returns what was refused.
std::map<std::string, RefusalCount> run(const std::function<void()>& app,
                                        SandboxPlan plan = test::make_test_plan(),
                                        std::function<SandboxUsage()> usage = {}) {
  const FakeSandbox sandbox([&] {
    app();
    return 0;
  });
  AuditSink audit;
  SandboxHandles handles = sandbox.handles();
  handles.usage = std::move(usage);
  const auto outcome = supervise(plan, handles, audit);
  EXPECT_TRUE(outcome && outcome->exit_status == 0);
  return audit.refusals();
}

TEST(EmulatedSysinfo, TellsTheLimitAsMemory) {
  const Shared<struct sysinfo> told;
  run([&] { ::sysinfo(&*told); }, test::make_test_plan(),
      [] { return SandboxUsage{.memory_bytes = 24 << 20, .processes = 5}; });
  EXPECT_EQ(told->mem_unit, 1U);
  EXPECT_EQ(told->totalram, 64U << 20);
  EXPECT_EQ(told->freeram, 40U << 20);
  EXPECT_EQ(told->procs, 5);
  EXPECT_LE(told->uptime, 5);
  EXPECT_EQ(told->totalswap, 0U);
  EXPECT_EQ(told->loads[0], 0U);
}

TEST(EmulatedSysinfo, TellsTheHostsMemoryWithoutALimit) {
  SandboxPlan plan = test::make_test_plan();
  plan.emulation.memory_bytes = 0;
  const Shared<struct sysinfo> told;
  run([&] { ::sysinfo(&*told); }, plan);
  struct sysinfo host{};
  ASSERT_EQ(::sysinfo(&host), 0);
  EXPECT_EQ(told->totalram, host.totalram * host.mem_unit);
  EXPECT_GT(told->freeram, 0U);
}

TEST(EmulatedSysinfo, GivesFaultForBadPointers) {
  const Shared<std::array<int, 3>> errors;
  run([&] {
    (*errors)[0] = error_of(SYS_sysinfo, nullptr);
    (*errors)[1] = error_of(SYS_sysinfo, 0xFFFF'8000'0000'0000);
    (*errors)[2] = error_of(SYS_sysinfo, "text that may not be written");
  });
  EXPECT_EQ(*errors, (std::array{EFAULT, EFAULT, EFAULT}));
}

TEST(EmulatedLimits, LowersAndRaisesWithinTheHardLimit) {
  const Shared<std::array<rlimit, 3>> seen;
  run([&] {
    const rlimit low{64, 128};
    const rlimit within{128, 128};
    ::syscall(SYS_setrlimit, RLIMIT_NOFILE, &low);
    ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &(*seen)[0]);
    ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &within, &(*seen)[1]);
    ::syscall(SYS_prlimit64, ::getpid(), RLIMIT_NOFILE, nullptr, &(*seen)[2]);
  });
  EXPECT_EQ((*seen)[0].rlim_cur, 64U);
  EXPECT_EQ((*seen)[0].rlim_max, 128U);
  EXPECT_EQ((*seen)[1].rlim_cur, 64U);
  EXPECT_EQ((*seen)[2].rlim_cur, 128U);
}

// The hard limit is the sandbox's wall, whatever the supervisor itself may do.
TEST(EmulatedLimits, RefusesToRaiseTheHardLimit) {
  const Shared<std::array<int, 3>> errors;
  const auto refusals = run([&] {
    const rlimit low{64, 128};
    const rlimit high{64, 256};
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    (*errors)[0] = error_of(SYS_setrlimit, RLIMIT_NOFILE, &low);
    (*errors)[1] = error_of(SYS_setrlimit, RLIMIT_NOFILE, &high);
    (*errors)[2] = error_of(SYS_prlimit64, 0, RLIMIT_NOFILE, &unlimited, nullptr);
  });
  EXPECT_EQ(*errors, (std::array{0, EPERM, EPERM}));
  EXPECT_TRUE(refusals.contains("setrlimit test table: setrlimit"));
  EXPECT_TRUE(refusals.contains("prlimit64 test table: prlimit64"));
}

TEST(EmulatedLimits, GivesTheKernelsErrnos) {
  const Shared<std::array<int, 6>> errors;
  run([&] {
    const rlimit crossed{128, 64};
    const rlimit low{64, 128};
    rlimit old{};
    (*errors)[0] = error_of(SYS_setrlimit, RLIMIT_NOFILE, nullptr);
    (*errors)[1] = error_of(SYS_setrlimit, RLIMIT_NOFILE, &crossed);
    (*errors)[2] = error_of(SYS_setrlimit, 99, &low);
    (*errors)[3] = error_of(SYS_prlimit64, 0, RLIMIT_NOFILE, 8, &old);
    (*errors)[4] = error_of(SYS_prlimit64, 0, RLIMIT_NOFILE, &low, 8);
    (*errors)[5] = error_of(SYS_prlimit64, -1, RLIMIT_NOFILE, &low, nullptr);
  });
  EXPECT_EQ(*errors, (std::array{EFAULT, EINVAL, EINVAL, EFAULT, EFAULT, ESRCH}));
}

TEST(EmulatedLimits, ReachesNoOtherProcess) {
  const Shared<std::array<int, 2>> errors;
  run([&] {
    const rlimit low{64, 128};
    (*errors)[0] = error_of(SYS_prlimit64, ::getppid(), RLIMIT_NOFILE, &low, nullptr);
    (*errors)[1] = error_of(SYS_prlimit64, ::getpid(), RLIMIT_NOFILE, &low, nullptr);
  });
  EXPECT_EQ(*errors, (std::array{EPERM, 0}));
}

// SECURITY(limit-scope): under the sandbox's ids, a number that means a process of the host by now
// is refused by the kernel; the twin shows that as root it would have been reached.
TEST(SandboxIdentity, BoundsWhatANumberCanReach) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  const rlimit same = [] {
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    return now;
  }();
  const pid_t host = ::getppid();
  rlimit old{};
  ASSERT_EQ(::prlimit(host, RLIMIT_CORE, nullptr, &old), 0);
  {
    auto identity = SandboxIdentity::adopt(test::kTargetUid, test::kTargetUid);
    ASSERT_TRUE(identity);
    EXPECT_EQ(::prlimit(host, RLIMIT_CORE, nullptr, &old), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::prlimit(0, RLIMIT_NOFILE, &same, nullptr), 0);
  }
  EXPECT_EQ(::prlimit(host, RLIMIT_CORE, nullptr, &old), 0);
}

}  // namespace
}  // namespace yett

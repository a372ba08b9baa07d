// The loop with a real init and app: how a sandbox ends, what is forwarded, what is answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysinfo.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "supervisor/loop/supervise.hpp"
#include "tests/support/fake_sandbox.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::FakeSandbox;
using test::Shared;

SandboxOutcome supervise_app(const std::function<int()>& app,
                             SandboxPlan plan = test::make_test_plan()) {
  const FakeSandbox sandbox(app);
  AuditSink audit;
  const auto outcome = supervise(plan, sandbox.handles(), audit);
  EXPECT_TRUE(outcome) << outcome.error().message();
  return outcome.value_or(SandboxOutcome{});
}

TEST(Supervise, TellsTheExitStatus) {
  const SandboxOutcome outcome = supervise_app([] { return 42; });
  EXPECT_EQ(outcome.reason, EndReason::exited);
  EXPECT_EQ(outcome.exit_status, 42);
  EXPECT_EQ(outcome.user_us, 1);
}

TEST(Supervise, TellsTheSignal) {
  const SandboxOutcome outcome = supervise_app([] { return ::raise(SIGUSR2); });
  EXPECT_EQ(outcome.reason, EndReason::signaled);
  EXPECT_EQ(outcome.exit_status, 128 + SIGUSR2);
}

TEST(Supervise, KillsWhenTheWallTimeIsOver) {
  SandboxPlan plan = test::make_test_plan();
  plan.wall = milliseconds(50);
  const auto begin = steady_clock::now();
  const SandboxOutcome outcome = supervise_app([] { return ::pause(); }, plan);
  EXPECT_EQ(outcome.reason, EndReason::wall_time);
  EXPECT_EQ(outcome.exit_status, 137);
  EXPECT_GE(steady_clock::now() - begin, milliseconds(50));
  EXPECT_LT(steady_clock::now() - begin, milliseconds(5000));
}

TEST(Supervise, WallTimeSparesWhatEndsInTime) {
  SandboxPlan plan = test::make_test_plan();
  plan.wall = milliseconds(60'000);
  EXPECT_EQ(supervise_app([] { return 0; }, plan).reason, EndReason::exited);
}

TEST(Supervise, SeesThatInitIsLost) {
  const FakeSandbox sandbox([] { return ::pause(); });
  AuditSink audit;
  std::thread killer([&] {
    std::this_thread::sleep_for(milliseconds(20));
    ::kill(sandbox.init(), SIGKILL);
  });
  const auto outcome = supervise(test::make_test_plan(), sandbox.handles(), audit);
  killer.join();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->reason, EndReason::init_lost);
  EXPECT_EQ(outcome->exit_status, 137);
}

TEST(Supervise, ForwardsSignals) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    const FakeSandbox sandbox([] { return ::pause(); });
    AuditSink audit;
    ::kill(::getpid(), number);  // blocked here: waits for the loop's signalfd
    const auto outcome = supervise(test::make_test_plan(), sandbox.handles(), audit);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->exit_status, 128 + number);
  }
}

TEST(Supervise, AnswersRefusalsAndRecordsThem) {
  const Shared<std::array<int, 2>> errors;
  const FakeSandbox sandbox([&] {
    (*errors)[0] = ::syscall(SYS_ptrace, 16, 0, 0, 0) < 0 ? errno : 0;
    (*errors)[1] = ::syscall(SYS_mount, "a", "/", "c", 0, 0) < 0 ? errno : 0;
    return 0;
  });
  AuditSink audit;
  ASSERT_TRUE(supervise(test::make_test_plan(), sandbox.handles(), audit));
  EXPECT_EQ((*errors)[0], EPERM);
  EXPECT_EQ((*errors)[1], ENODEV);
  ASSERT_EQ(audit.refusals().size(), 2U);
  const RefusalCount& ptrace = audit.refusals().at("ptrace test table: ptrace");
  EXPECT_EQ(ptrace.count, 1U);
  EXPECT_EQ(ptrace.example.object, "request 16");
  EXPECT_EQ(ptrace.example.mend, "[syscalls] allow += [\"ptrace\"]");
  EXPECT_GT(ptrace.example.pid, 0);
}

TEST(Supervise, KillsForAViolationWhenThePolicySaysSo) {
  SandboxPlan plan = test::make_test_plan();
  plan.violation = ViolationAction::kill;
  const auto forbidden = [] {
    ::syscall(SYS_ptrace, 16, 0, 0, 0);
    return ::pause();
  };
  EXPECT_EQ(supervise_app(forbidden, plan).reason, EndReason::killed_by_policy);
  struct sysinfo unused;
  EXPECT_EQ(supervise_app([&] { return ::sysinfo(&unused); }, plan).reason, EndReason::exited);
}

TEST(Supervise, GoesOnAfterTheLastFilteredProcess) {
  // The app ends at once; init reports late. A hung-up listener must not make the loop spin or end.
  const FakeSandbox sandbox([] { return 3; });
  std::this_thread::sleep_for(milliseconds(30));
  AuditSink audit;
  const auto outcome = supervise(test::make_test_plan(), sandbox.handles(), audit);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_status, 3);
}

TEST(Supervise, LeavesTheThreadAsItWas) {
  const uid_t before = ::geteuid();
  supervise_app([] { return 0; });
  EXPECT_EQ(::geteuid(), before);
  EXPECT_EQ(::getuid(), before);
}

}  // namespace
}  // namespace yett

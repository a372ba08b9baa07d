// security.md, "Supervisor": arguments in memory that nobody provides. Whoever reads them waits in
// the kernel; the supervisor still answers everybody else, keeps its clock, and obeys signals.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "supervisor/loop/call_workers.hpp"
#include "supervisor/loop/notification_pump.hpp"
#include "supervisor/loop/supervise.hpp"
#include "tests/support/fake_sandbox.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"
#include "tests/support/stalled_memory.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using test::FakeSandbox;
using test::Shared;
using test::StalledMemory;

int error_of(long result) { return result == 0 ? 0 : errno; }
int sysinfo_at(void* page) { return error_of(::syscall(SYS_sysinfo, page)); }
int set_limit_from(void* page) { return error_of(::syscall(SYS_setrlimit, RLIMIT_NOFILE, page)); }
int refused_call() { return error_of(::syscall(SYS_ptrace, 16, 0, 0, 0)); }

class SlowMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    device_ = test::open_stalled_memory_device();
    YETT_REQUIRE(device_.valid(), "needs root and /dev/userfaultfd (CONFIG_USERFAULTFD)");
    plan_.wall = seconds(test::is_emulated_guest() ? 120 : 30);  // should all else fail
  }

  Result<SandboxOutcome> run(const std::function<int()>& app) {
    const FakeSandbox sandbox(app);
    return supervise(plan_, sandbox.handles(), audit_);
  }

  UniqueFd device_;
  SandboxPlan plan_ = test::make_test_plan();
  AuditSink audit_;
};

// SECURITY(slow-memory): one thread is stuck for ever; the others are answered as ever.
TEST_F(SlowMemory, OtherCallersAreServed) {
  const Shared<std::atomic<int>> refused;
  const Shared<std::atomic<int>> told;
  const auto outcome = run([&] {
    static StalledMemory memory(device_);
    if (!memory.works()) return 1;
    std::thread([] { static_cast<void>(sysinfo_at(memory.page())); }).detach();
    ::usleep(50'000);  // it waits by now
    struct sysinfo answer{};
    for (int i = 0; i < test::repeated(1000); ++i) {
      *refused += refused_call() == EPERM ? 1 : 0;
      *told += sysinfo_at(&answer) == 0 ? 1 : 0;
    }
    return 0;
  });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->reason, EndReason::exited);
  EXPECT_EQ(outcome->exit_status, 0);
  EXPECT_EQ(*refused, test::repeated(1000));
  EXPECT_EQ(*told, test::repeated(1000));
}

TEST_F(SlowMemory, TheClockGoesOn) {
  plan_.wall = milliseconds(300);
  const auto began = steady_clock::now();
  const auto outcome = run([&] {
    const StalledMemory memory(device_);
    return memory.works() ? set_limit_from(memory.page()) : 1;
  });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->reason, EndReason::wall_time);
  EXPECT_LT(steady_clock::now() - began, CallWorkers::kTooLate);
}

TEST_F(SlowMemory, SignalsAreObeyed) {
  const auto began = steady_clock::now();
  std::thread sender([] {
    // The supervisor reads it from a descriptor; here it would end the test.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::this_thread::sleep_for(milliseconds(300));
    ::kill(::getpid(), SIGTERM);
  });
  const auto outcome = run([&] {
    const StalledMemory memory(device_);
    return memory.works() ? sysinfo_at(memory.page()) : 1;
  });
  sender.join();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_status, 128 + SIGTERM);
  EXPECT_LT(steady_clock::now() - began, CallWorkers::kTooLate);
}

// Refused in the end, and said so in the log.
TEST_F(SlowMemory, WhatTakesTooLongIsRefused) {
  const auto outcome = run([&] {
    const StalledMemory memory(device_);
    return memory.works() ? set_limit_from(memory.page()) : 1;
  });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_status, EIO);
  ASSERT_EQ(audit_.refusals().size(), 1U);
  EXPECT_EQ(audit_.refusals().begin()->second.example.error, EIO);
  EXPECT_EQ(audit_.refusals().begin()->second.count, 1U);
}

// The twin: memory that comes late, but in time.
TEST_F(SlowMemory, WhatComesInTimeIsGranted) {
  const auto outcome = run([&] {
    static StalledMemory memory(device_);
    if (!memory.works()) return 1;
    std::thread([] {
      ::usleep(500'000);
      memory.provide();
    }).detach();
    return sysinfo_at(memory.page());
  });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_status, 0);
  EXPECT_TRUE(audit_.refusals().empty());
}

// More stuck threads than the supervisor gives: whatever touches memory is refused, the rest goes
// on; and once the memory is there, all is granted again.
TEST_F(SlowMemory, ManyStuckCallersStopNothingElse) {
  const Shared<std::atomic<int>> refused;
  const Shared<std::atomic<int>> granted;
  const auto outcome = run([&] {
    static StalledMemory memory(device_);
    if (!memory.works()) return 1;
    for (std::size_t i = 0; i < 3 * CallWorkers::kMostStuck; ++i)
      std::thread([] { static_cast<void>(sysinfo_at(memory.page())); }).detach();
    ::usleep(3'000'000);  // all threads are stuck by now
    for (int i = 0; i < test::repeated(1000); ++i) *refused += refused_call() == EPERM ? 1 : 0;
    memory.provide();
    struct sysinfo answer{};
    for (int i = 0; i < 1000 && *granted < 100; ++i) {
      *granted += sysinfo_at(&answer) == 0 ? 1 : 0;
      ::usleep(1000);
    }
    return 0;
  });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_status, 0);
  EXPECT_EQ(*refused, test::repeated(1000));
  EXPECT_EQ(*granted, 100);
}

// Without the threads, the pump itself would wait: nobody would be answered.
TEST_F(SlowMemory, APumpThatTouchesTheMemoryWaits) {
  auto child = std::make_unique<test::NotifiedChild>(std::vector<int>{SYS_sysinfo}, [&] {
    const StalledMemory memory(device_);
    return memory.works() ? sysinfo_at(memory.page()) : 1;
  });
  NotificationPump pump(child->listener(), plan_, {}, audit_);
  ASSERT_TRUE(child->notified());
  std::atomic<bool> answered{false};
  std::thread waits([&] {
    static_cast<void>(pump.run());
    answered = true;
  });
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_FALSE(answered);
  ::kill(child->pid(), SIGKILL);  // with the target goes its memory
  waits.join();
}

}  // namespace
}  // namespace yett

// The threads that carry calls out in their callers' memory: one serves, a stuck one is overtaken
// and in the end left behind. Without user namespaces, so that ThreadSanitizer can watch.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "supervisor/loop/call_workers.hpp"
#include "supervisor/loop/notification_pump.hpp"
#include "tests/support/fake_sandbox.hpp"
#include "tests/support/require.hpp"
#include "tests/support/stalled_memory.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;
using test::NotifiedChild;
using test::Shared;
using test::StalledMemory;

const std::vector<int> kCalls{SYS_sysinfo, SYS_ptrace};

int sysinfo_at(void* page) { return ::syscall(SYS_sysinfo, page) == 0 ? 0 : errno; }

// The loop's part: hands the first call over, and looks when there is news or a time has passed.
class Driver {
 public:
  explicit Driver(const NotifiedChild& child, ViolationAction violation = ViolationAction::deny)
      : child_(child) {
    plan_.violation = violation;
    workers_.emplace(child.listener(), plan_, nullptr, audit_);
  }

  void hand_over_first() {
    ASSERT_TRUE(child_.notified());
    auto pending = receive_notification(child_.listener());
    ASSERT_TRUE(pending && *pending);
    ASSERT_TRUE(workers_->start(*std::move(*pending)));
  }
  // Until `enough` is true of what is told; false: that took 20 s.
  template <typename Enough>
  bool look_until(Enough enough) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    bool watch = true;
    while (std::chrono::steady_clock::now() < until) {
      pollfd news{.fd = workers_->news().get(), .events = POLLIN, .revents = 0};
      const bool rung = ::poll(&news, 1, watch ? 100 : 1000) > 0;
      const auto told =
          workers_->look(rung ? CallWorkers::Look::by_news : CallWorkers::Look::by_clock);
      watch = told.watch;
      if (enough(told)) return true;
    }
    return false;
  }
  void stop() { workers_.reset(); }
  [[nodiscard]] const AuditSink& audit() const { return audit_; }

 private:
  const NotifiedChild& child_;
  SandboxPlan plan_ = test::make_test_plan();
  AuditSink audit_;
  std::optional<CallWorkers> workers_;
};

TEST(CallWorkers, ServeTheListener) {
  const Shared<std::atomic<int>> right;
  NotifiedChild child(kCalls, [&] {
    struct sysinfo answer{};
    for (int i = 0; i < 100; ++i) {
      *right += sysinfo_at(&answer) == 0 && answer.totalram == 64U << 20 ? 1 : 0;
      *right += ::syscall(SYS_ptrace, 16, 0, 0, 0) == -1 && errno == EPERM ? 1 : 0;
    }
    return 0;
  });
  Driver driver(child);
  driver.hand_over_first();
  EXPECT_TRUE(driver.look_until([&](const auto&) { return *right == 200; }));
  EXPECT_EQ(child.join(), 0);
  driver.stop();
  EXPECT_EQ(driver.audit().refusals().begin()->second.count, 100U);
}

TEST(CallWorkers, TellOfAViolation) {
  NotifiedChild child(kCalls, [&] {
    struct sysinfo answer{};
    static_cast<void>(sysinfo_at(&answer));
    ::syscall(SYS_ptrace, 16, 0, 0, 0);
    ::pause();
    return 0;
  });
  Driver driver(child, ViolationAction::kill);
  driver.hand_over_first();
  EXPECT_TRUE(driver.look_until([](const auto& news) { return news.violation; }));
}

class StuckWorkers : public ::testing::Test {
 protected:
  void SetUp() override {
    device_ = test::open_stalled_memory_device();
    YETT_REQUIRE(device_.valid(), "needs root and /dev/userfaultfd (CONFIG_USERFAULTFD)");
  }
  UniqueFd device_;
};

TEST_F(StuckWorkers, AreOvertaken) {
  const Shared<std::atomic<int>> right;
  NotifiedChild child(kCalls, [&] {
    static StalledMemory memory(device_);
    if (!memory.works()) return 1;
    std::thread([] { static_cast<void>(sysinfo_at(memory.page())); }).detach();
    ::usleep(50'000);
    struct sysinfo answer{};
    for (int i = 0; i < 100; ++i) *right += sysinfo_at(&answer) == 0 ? 1 : 0;
    memory.provide();
    return 0;
  });
  Driver driver(child);
  driver.hand_over_first();
  EXPECT_TRUE(driver.look_until([&](const auto&) { return *right == 100; }));
  EXPECT_EQ(child.join(), 0);
}

// Left behind when all else ends; it comes back when the memory does, and touches nothing.
TEST_F(StuckWorkers, AreLeftBehind) {
  const Shared<std::atomic<bool>> release;
  NotifiedChild child(kCalls, [&] {
    static StalledMemory memory(device_);
    if (!memory.works()) return 1;
    std::thread([&] {
      while (!*release) ::usleep(1000);
      memory.provide();
    }).detach();
    return sysinfo_at(memory.page());
  });
  {
    Driver driver(child);
    driver.hand_over_first();
    EXPECT_TRUE(driver.look_until([](const auto& news) { return news.watch; }));
    std::this_thread::sleep_for(2 * CallWorkers::kStuck);
  }
  *release = true;
  EXPECT_EQ(child.join(), EPERM);  // refused by the thread that comes back
}

}  // namespace
}  // namespace yett

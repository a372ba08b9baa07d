// Hostile targets against the supervisor: docs/threat-model.md, table "Supervisor". Each attack has
// a twin that shows the same call succeeding where it may.
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "base/scope_exit.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/emulate/sandbox_identity.hpp"
#include "supervisor/loop/notification_pump.hpp"
#include "supervisor/loop/supervise.hpp"
#include "supervisor/notify/target_memory.hpp"
#include "tests/support/fake_sandbox.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::FakeSandbox;
using test::NotifiedChild;
using test::Shared;

long forbidden() { return ::syscall(SYS_ptrace, 16, 0, 0, 0); }

// What came of many calls.
struct Tally {
  std::atomic<std::uint64_t> refused;
  std::atomic<std::uint64_t> interrupted;
  std::atomic<std::uint64_t> no_supervisor;
  std::atomic<std::uint64_t> succeeded;
  std::atomic<std::uint64_t> others;
  void count(long result) {
    if (result >= 0)
      ++succeeded;
    else if (errno == EPERM)
      ++refused;
    else if (errno == EINTR)
      ++interrupted;
    else if (errno == ENOSYS)
      ++no_supervisor;
    else
      ++others;
  }
};

std::uint64_t recorded(const AuditSink& audit) {
  std::uint64_t total = 0;
  for (const auto& [key, refusal] : audit.refusals()) total += refusal.count;
  return total;
}

// SECURITY(signals): a timer of 1 ms during many calls. A call that the supervisor took is answered
// and recorded exactly once, for WAIT_KILLABLE_RECV keeps signals away from then on; one that a
// signal broke before it was taken reads EINTR, or is begun again where the handler says so.
// More between two alarms than a call takes, also where it is emulated.
suseconds_t alarm_interval() { return test::is_emulated_guest() ? 20'000 : 1000; }

std::function<int()> calls_under_alarms(std::uint64_t calls, int handler_flags, Tally& tally,
                                        std::atomic<std::uint64_t>& alarms) {
  return [=, &tally, &alarms] {
    static std::atomic<std::uint64_t>* handled = &alarms;
    struct sigaction action{};
    action.sa_handler = [](int) { ++*handled; };
    action.sa_flags = handler_flags;
    ::sigaction(SIGALRM, &action, nullptr);
    const suseconds_t alarm_us = alarm_interval();
    const itimerval every{.it_interval = {0, alarm_us}, .it_value = {0, alarm_us}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
    for (std::uint64_t i = 0; i < calls; ++i) tally.count(forbidden());
    return 0;
  };
}

void expect_each_call_once(int handler_flags) {
  const auto calls = static_cast<std::uint64_t>(test::repeated(50'000));
  const Shared<Tally> tally;
  const Shared<std::atomic<std::uint64_t>> alarms;
  const FakeSandbox sandbox(calls_under_alarms(calls, handler_flags, *tally, *alarms),
                            FakeSandbox::Terminal::none, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  YETT_REQUIRE(sandbox.listener().valid(),
               "this kernel lacks SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
  AuditSink audit;
  ASSERT_TRUE(supervise(test::make_test_plan(), sandbox.handles(), audit));
  EXPECT_GT(*alarms, 10U);
  EXPECT_EQ(tally->refused, recorded(audit));
  EXPECT_EQ(tally->refused + tally->interrupted, calls);
  EXPECT_LE(tally->interrupted, *alarms);
  if (handler_flags == SA_RESTART) {
    EXPECT_EQ(tally->interrupted, 0U);
  }
}

TEST(SupervisorAttacks, SignalsLoseNoCallAndRepeatNone) { expect_each_call_once(0); }

TEST(SupervisorAttacks, RestartingSignalsAreNotSeen) { expect_each_call_once(SA_RESTART); }

// Without the flag a signal breaks a call that the supervisor has already taken: it is recorded,
// and made again.
TEST(SupervisorAttacks, WithoutWaitKillableCallsAreRepeated) {
  const auto calls = static_cast<std::uint64_t>(test::repeated(50'000));
  std::uint64_t refused = 0;
  std::uint64_t told = 0;
  for (int round = 0; round < 20 && told <= refused; ++round) {
    const Shared<Tally> tally;
    const Shared<std::atomic<std::uint64_t>> alarms;
    const FakeSandbox sandbox(calls_under_alarms(calls, SA_RESTART, *tally, *alarms));
    AuditSink audit;
    ASSERT_TRUE(supervise(test::make_test_plan(), sandbox.handles(), audit));
    refused = tally->refused;
    told = recorded(audit);
  }
  EXPECT_GT(told, refused);
}

// SECURITY(flood): sixteen threads that do nothing but call; the clock, signals and the other calls
// still get their turn.
TEST(SupervisorAttacks, FloodStarvesNothing) {
  const Shared<Tally> tally;
  const auto flood = [&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i)
      threads.emplace_back([&] {
        while (true) tally->count(forbidden());
      });
    while (true) ::pause();
    return 0;
  };
  const milliseconds at_most(test::is_emulated_guest() ? 15'000 : 10'000);
  SandboxPlan plan = test::make_test_plan();
  plan.wall = milliseconds(300);
  auto begin = steady_clock::now();
  {
    const FakeSandbox sandbox(flood);
    AuditSink audit;
    const auto outcome = supervise(plan, sandbox.handles(), audit);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->reason, EndReason::wall_time);
    EXPECT_LE(audit.refusals().size(), 1U);
  }
  EXPECT_LT(steady_clock::now() - begin, at_most);

  plan.wall.reset();
  begin = steady_clock::now();
  {
    const FakeSandbox sandbox(flood);
    AuditSink audit;
    std::thread sender([] {
      std::this_thread::sleep_for(milliseconds(200));
      ::kill(::getpid(), SIGTERM);
    });
    const auto outcome = supervise(plan, sandbox.handles(), audit);
    sender.join();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->exit_status, 128 + SIGTERM);
  }
  EXPECT_LT(steady_clock::now() - begin, at_most);
  EXPECT_GT(tally->refused, static_cast<std::uint64_t>(test::repeated(1000)));
  EXPECT_EQ(tally->succeeded, 0U);
}

// How many answers are over. A run of the pump answers whatever comes until none waits, so a child
// that is to be answered one by one makes its next call after that.
class Answers {
 public:
  void await(int count) const {
    while (*over_ < count) ::usleep(1000);
  }
  void add_one() const { ++*over_; }

 private:
  Shared<std::atomic<int>> over_;
};

// A pump over a child, without the loop around it: the test decides between two notifications.
class DirectPump {
 public:
  DirectPump(const NotifiedChild& child, const Answers& answers)
      : child_(child), answers_(answers), pump_(child.listener(), plan_, {}, audit_) {}
  void answer_one() {
    const ScopeExit next([this] { answers_.add_one(); });
    ASSERT_TRUE(child_.notified());
    ASSERT_TRUE(pump_.run());
  }

 private:
  const NotifiedChild& child_;
  const Answers& answers_;
  SandboxPlan plan_ = test::make_test_plan();
  AuditSink audit_;
  NotificationPump pump_;
};

// SECURITY(fail-closed): without a free descriptor the supervisor cannot look at the target, and
// refuses; given descriptors again, it grants the same call.
TEST(SupervisorAttacks, LackOfDescriptorsRefuses) {
  const Shared<std::array<int, 2>> errors;
  const Answers answers;
  NotifiedChild child({SYS_prlimit64}, [&] {
    const rlimit low{64, 128};
    for (int i = 0; i < 2; ++i) {
      answers.await(i);
      const long result = ::syscall(SYS_prlimit64, ::getpid(), RLIMIT_NOFILE, &low, nullptr);
      errors->at(static_cast<std::size_t>(i)) = result == 0 ? 0 : errno;
    }
    return 0;
  });
  DirectPump pump(child, answers);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};  // poll(2) itself needs 1
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  pump.answer_one();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  pump.answer_one();
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(*errors, (std::array{EIO, 0}));
}

// SECURITY(copy-once): the limit is rewritten while the supervisor reads it; what is set is one of
// the two that were written, and never one above the hard limit.
TEST(SupervisorAttacks, RewrittenArgumentsRaiseNothing) {
  const Shared<Tally> raised;
  const Shared<std::atomic<std::uint64_t>> above;
  const FakeSandbox sandbox([&] {
    const rlimit start{64, 128};
    ::syscall(SYS_setrlimit, RLIMIT_NOFILE, &start);
    static rlimit flipping{64, 128};
    std::thread flipper([] {
      volatile rlimit* shared = &flipping;
      // One change a turn: an emulated processor is interrupted between turns only.
      while (true) shared->rlim_max = shared->rlim_max == 128 ? 1024 : 128;
    });
    flipper.detach();
    // With one processor the flipper seldom runs, so there it may take longer to be seen refused.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (int i = 0; i < test::repeated(20'000) ||
                    (raised->refused == 0 && std::chrono::steady_clock::now() < patience);
         ++i) {
      raised->count(::syscall(SYS_setrlimit, RLIMIT_NOFILE, &flipping));
      rlimit now{};
      ::getrlimit(RLIMIT_NOFILE, &now);
      if (now.rlim_max > 128) ++*above;
    }
    return 0;
  });
  AuditSink audit;
  ASSERT_TRUE(supervise(test::make_test_plan(), sandbox.handles(), audit));
  EXPECT_EQ(*above, 0U);
  EXPECT_GT(raised->succeeded, 0U);
  EXPECT_GT(raised->refused, 0U);
  EXPECT_EQ(raised->others, 0U);
}

// fork(2) with a chosen process number, as a reused one would be.
pid_t fork_as(pid_t number) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uint64_t>(&number);
  arguments.set_tid_size = 1;
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

struct Victim {
  rlimit limit{};
  std::uint64_t memory = 0;
};

// SECURITY(number-reuse): while a call is being carried out, its caller dies and another process,
// root's, gets its number. Neither memory nor limits of the newcomer are touched.
TEST(SupervisorAttacks, ReusedNumberIsNotTouched) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  const Shared<Victim> victim;
  const Shared<std::atomic<int>> victim_stage;
  int reused = 0;
  for (int cycle = 0; cycle < test::repeated(1000); ++cycle) {
    const rlimit tiny{1, 1};
    auto child = std::make_unique<NotifiedChild>(
        std::vector<int>{SYS_setrlimit},
        [&] { return static_cast<int>(::syscall(SYS_setrlimit, RLIMIT_NOFILE, &tiny)); }, 0,
        test::kTargetUid);
    ASSERT_TRUE(child->notified());
    auto pending = receive_notification(child->listener());
    ASSERT_TRUE(pending && *pending);
    const pid_t number = child->pid();
    ::kill(number, SIGKILL);
    ASSERT_EQ(child->join(), -SIGKILL);
    *victim_stage = 0;
    victim->memory = 42;
    const pid_t newcomer = fork_as(number);
    if (newcomer == 0) {
      while (*victim_stage == 0) ::sched_yield();
      ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &victim->limit);
      ::_exit(0);
    }
    if (newcomer < 0) {
      // Another process took the number first: still a reuse, but not one we can look into.
      ASSERT_EQ(errno, EEXIST);
      continue;
    }
    ++reused;
    const std::uint64_t evil = 666;
    {
      auto identity = SandboxIdentity::adopt(test::kTargetUid, test::kTargetUid);
      ASSERT_TRUE(identity);
      EXPECT_NE(emulate_setrlimit(**pending), 0);
      EXPECT_FALSE(write_target(**pending, reinterpret_cast<std::uint64_t>(&victim->memory),
                                std::as_bytes(std::span(&evil, 1))));
      // The same with the check of the notification taken away: the ids alone hold it.
      EXPECT_EQ(::prlimit(number, RLIMIT_NOFILE, &tiny, nullptr), -1);
    }
    *victim_stage = 1;
    test::wait_status(newcomer);
    ASSERT_EQ(victim->memory, 42U);
    ASSERT_GT(victim->limit.rlim_max, 1U);
  }
  EXPECT_GT(reused, test::repeated(900));
}

// Answers `calls` notifications in a pid namespace of its own, from which the caller cannot be
// seen: its notifications come from thread 0. Ends with 0 when its own limits are as they were.
[[noreturn]] void answer_from_elsewhere(const NotifiedChild& child, const Answers& answers,
                                        int calls) {
  if (::unshare(CLONE_NEWPID) != 0) ::_exit(90);
  const pid_t inside = ::fork();
  if (inside != 0) ::_exit(WEXITSTATUS(test::wait_status(inside)));
  rlimit before{};
  rlimit after{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  DirectPump pump(child, answers);
  for (int i = 0; i < calls; ++i) pump.answer_one();
  ::getrlimit(RLIMIT_NOFILE, &after);
  ::_exit(before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max ? 0 : 1);
}

// SECURITY(limit-scope): number 0 would mean the supervisor itself. The same calls of a caller that
// can be seen are granted.
TEST(SupervisorAttacks, AnInvisibleCallerIsRefused) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  for (const bool visible : {false, true}) {
    const Shared<std::array<int, 3>> errors;
    const Answers answers;
    NotifiedChild child({SYS_setrlimit, SYS_prlimit64, SYS_sysinfo}, [&] {
      const auto error_of = [](long result) { return result == 0 ? 0 : errno; };
      const rlimit low{64, 128};
      struct sysinfo answer{};
      (*errors)[0] = error_of(::syscall(SYS_setrlimit, RLIMIT_NOFILE, &low));
      answers.await(1);
      (*errors)[1] = error_of(::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &low, nullptr));
      answers.await(2);
      (*errors)[2] = error_of(::syscall(SYS_sysinfo, &answer));
      return 0;
    });
    if (visible) {
      DirectPump pump(child, answers);
      for (int i = 0; i < 3; ++i) pump.answer_one();
    } else {
      const pid_t elsewhere = ::fork();
      if (elsewhere == 0) answer_from_elsewhere(child, answers, 3);
      EXPECT_EQ(test::wait_status(elsewhere), 0);
    }
    EXPECT_EQ(child.join(), 0);
    for (const int error : *errors)
      EXPECT_TRUE(visible ? error == 0 : error == EIO || error == EPERM) << visible << " " << error;
  }
}

// A supervisor in a process of its own, which is then the only one that has the listener.
pid_t fork_supervisor(NotifiedChild& child) {
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    const SandboxPlan plan = test::make_test_plan();
    AuditSink audit;
    NotificationPump pump(child.listener(), plan, {}, audit);
    while (pump.run()) {
    }
    ::_exit(0);
  }
  child.close_listener();
  return supervisor;
}

// SECURITY(supervisor-killed): kill -9 at some point of an endless row of calls: before it, each is
// refused; after it, ENOSYS. Never a success.
TEST(SupervisorAttacks, KilledSupervisorGrantsNothing) {
  for (int delay_us = 0; delay_us < 20'000; delay_us += 1000) {
    const Shared<Tally> tally;
    NotifiedChild child({SYS_ptrace}, [&] {
      while (tally->no_supervisor < 100) tally->count(forbidden());
      return 0;
    });
    const pid_t supervisor = fork_supervisor(child);
    ::usleep(static_cast<useconds_t>(delay_us));
    ::kill(supervisor, SIGKILL);
    test::wait_status(supervisor);
    EXPECT_EQ(child.join(), 0);
    EXPECT_EQ(tally->no_supervisor, 100U);
    EXPECT_EQ(tally->succeeded, 0U);
    EXPECT_EQ(tally->others, 0U);
  }
}

// A stopped supervisor: the call waits, and is then refused as ever.
TEST(SupervisorAttacks, StoppedSupervisorGrantsNothing) {
  const Shared<Tally> tally;
  NotifiedChild child({SYS_ptrace}, [&] {
    while (tally->no_supervisor == 0) tally->count(forbidden());
    return 0;
  });
  const auto await_more_than = [&](std::uint64_t refused) {
    for (int i = 0; i < 3000 && tally->refused <= refused; ++i) ::usleep(10'000);
    return tally->refused > refused;
  };
  const pid_t supervisor = fork_supervisor(child);
  EXPECT_TRUE(await_more_than(0));
  ::kill(supervisor, SIGSTOP);
  int status = 0;
  EXPECT_EQ(::waitpid(supervisor, &status, WUNTRACED), supervisor);
  EXPECT_TRUE(WIFSTOPPED(status));
  const std::uint64_t at_most = tally->refused + 1;  // its last answer may still be on the way
  ::usleep(50'000);
  EXPECT_LE(tally->refused, at_most);
  ::kill(supervisor, SIGCONT);
  EXPECT_TRUE(await_more_than(at_most));
  ::kill(supervisor, SIGKILL);
  test::wait_status(supervisor);
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(tally->succeeded, 0U);
}

// SECURITY(audit-forgery): a name that tries to end its line and begin another.
TEST(SupervisorAttacks, NamesForgeNoRecord) {
  const UniqueFd log(::memfd_create("audit", MFD_CLOEXEC));
  {
    const FakeSandbox sandbox([] {
      ::prctl(PR_SET_NAME, "x\"}\n{\"time\":");
      return static_cast<int>(forbidden() == 0);
    });
    AuditSink audit(UniqueFd(::dup(log.get())));
    ASSERT_TRUE(supervise(test::make_test_plan(), sandbox.handles(), audit));
  }
  std::array<char, 4096> text{};
  const ssize_t size = ::pread(log.get(), text.data(), text.size() - 1, 0);
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::count(text.begin(), text.begin() + size, '\n'), 1);
  EXPECT_NE(std::strstr(text.data(), R"("comm":"x\"}\u000a{\"time\":")"), nullptr);
}

}  // namespace
}  // namespace yett

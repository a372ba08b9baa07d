// security.md, "Supervisor": a sandbox that is frozen and thawed a thousand times in the middle of
// its notified calls. Each call is answered once: none is lost, none is done twice.
#include <gtest/gtest.h>
#include <sys/sysinfo.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "supervisor/loop/supervise.hpp"
#include "tests/support/fake_sandbox.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"
#include "tests/support/test_cgroup.hpp"

namespace yett {
namespace {

using test::FakeSandbox;
using test::Shared;
using test::TestCgroup;

struct Counts {
  std::atomic<int> ready;  // the program's process number
  std::atomic<bool> go;
  std::atomic<bool> enough;
  std::atomic<std::uint64_t> refused;
  std::atomic<std::uint64_t> told;
  std::atomic<std::uint64_t> others;
};

// Calls until it is enough, refused and carried out in turn.
int call_on(Counts& counts) {
  counts.ready = ::getpid();
  while (!counts.go) ::usleep(100);
  while (!counts.enough) {
    const bool refused = ::syscall(SYS_ptrace, 16, 0, 0, 0) == -1 && errno == EPERM;
    ++(refused ? counts.refused : counts.others);
    struct sysinfo answer{};
    const bool told = ::syscall(SYS_sysinfo, &answer) == 0 && answer.mem_unit == 1;
    ++(told ? counts.told : counts.others);
  }
  return 0;
}

// Frozen: within the time, or not at all.
bool wait_until_frozen(const TestCgroup& cgroup) {
  for (int i = 0; i < 30'000; ++i) {
    if (cgroup.is_frozen()) return true;
    ::usleep(100);
  }
  return false;
}

struct Frozen {
  int cycles = 0;
  std::uint64_t refused = 0;  // as the program saw it
  std::uint64_t told = 0;
  std::uint64_t others = 0;
  std::uint64_t recorded = 0;  // refusals, as the supervisor saw it
  int exit_status = -1;
};

Frozen freeze_often(const TestCgroup& cgroup, int cycles, unsigned filter_flags) {
  const Shared<Counts> counts;
  Frozen result;
  const FakeSandbox sandbox([&] { return call_on(*counts); }, FakeSandbox::Terminal::none,
                            filter_flags);
  if (!sandbox.listener().valid()) return result;
  std::thread freezer([&] {
    while (counts->ready == 0) ::usleep(100);
    bool all = cgroup.add(counts->ready);
    counts->go = true;
    for (; all && result.cycles < cycles; ++result.cycles) {
      const std::uint64_t made = counts->refused;
      all = cgroup.freeze() && wait_until_frozen(cgroup) && cgroup.thaw();
      for (int i = 0; i < 10'000 && counts->refused == made; ++i) ::usleep(50);
    }
    static_cast<void>(cgroup.thaw());
    counts->enough = true;
  });
  SandboxPlan plan = test::make_test_plan();
  plan.wall = std::chrono::seconds(test::is_emulated_guest() ? 250 : 100);
  AuditSink audit;
  const auto outcome = supervise(plan, sandbox.handles(), audit);
  counts->go = counts->enough = true;
  freezer.join();
  if (outcome) result.exit_status = outcome->exit_status;
  result.refused = counts->refused;
  result.told = counts->told;
  result.others = counts->others;
  for (const auto& [key, refusal] : audit.refusals()) result.recorded += refusal.count;
  return result;
}

// SECURITY(freezer)
TEST(Freezer, AThousandFreezesLoseNoCallAndRepeatNone) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  const TestCgroup cgroup("freezer");
  YETT_REQUIRE(cgroup.works(), "needs cgroup v2");
  const int cycles = test::repeated(1000);
  const Frozen frozen = freeze_often(cgroup, cycles, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  ASSERT_EQ(frozen.cycles, cycles);
  EXPECT_EQ(frozen.exit_status, 0);
  EXPECT_EQ(frozen.others, 0U);
  EXPECT_GE(frozen.refused, static_cast<std::uint64_t>(cycles));
  EXPECT_EQ(frozen.refused, frozen.told);
  EXPECT_EQ(frozen.refused, frozen.recorded);
}

// Without the flag a freeze breaks the wait for the answer, and the call is made again.
TEST(Freezer, WithoutWaitKillableCallsAreRepeated) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  const TestCgroup cgroup("thaw");
  YETT_REQUIRE(cgroup.works(), "needs cgroup v2");
  Frozen frozen;
  // Some machines hardly ever freeze it while it waits.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (frozen.recorded <= frozen.refused && std::chrono::steady_clock::now() < until)
    frozen = freeze_often(cgroup, test::repeated(1000), 0);
  EXPECT_GT(frozen.recorded, frozen.refused);
}

}  // namespace
}  // namespace yett

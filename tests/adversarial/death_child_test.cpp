// security.md, "Supervisor": kill -9 while the child stands at each named step of its set-up
// (ioctl_uapi/launch_protocol.hpp), from the first instruction of PID 1 to its report of the exec.
// Then no forbidden act has succeeded, and within a second all is gone.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <map>
#include <numeric>

#include "tests/adversarial/child_tracer.hpp"
#include "tests/adversarial/death_fixture.hpp"

namespace yett::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// PID 1 has reported and begun to watch: nothing of the set-up follows.
bool is_set_up(const ChildStop& stop) {
  return stop.step == ChildStep::exec && stop.entry && stop.call == SYS_poll;
}

// The k-th of n places, in an order that is all over them early on and has had each in the end.
int spread(int k, int n) {
  int stride = std::max(1, n * 618 / 1000);
  while (std::gcd(stride, n) != 1) ++stride;
  return static_cast<int>(static_cast<long>(k) * stride % n);
}

std::string describe(const ChildStop& stop) {
  return std::string(child_step_name(stop.step)) +
         (stop.entry ? ", before call " + std::to_string(stop.call)
                     : ", after a call with result " + std::to_string(stop.result));
}

// What dies. The keeper clears the cgroup; without it, the child must notice by itself.
enum class Dies { supervisor, supervisor_and_keeper };

class DeathOfTheChild : public DeathSteps {
 protected:
  const milliseconds kLimit{is_emulated_guest() ? 60'000 : 15'000};

  // How many places each step has.
  void count_places() {
    TracedChild run(from_host({"/attacks/forbidden_first"}), kLimit);
    for (auto stop = run.next(); stop; stop = run.next()) {
      ++places_[stop->step];
      if (is_set_up(*stop)) break;
    }
    ASSERT_EQ(run.stuck(), "");
    for (unsigned i = 0; i < static_cast<unsigned>(ChildStep::count); ++i) {
      const auto step = static_cast<ChildStep>(i);
      // Without a terminal there is nothing to ask the kernel for; into cgroup v2, which is all
      // that the guests have, the child is born; and 6.1 has neither the sysctl nor Landlock's
      // scopes.
      const bool may_be_absent =
          step == ChildStep::cgroups || step == ChildStep::sysctls || step == ChildStep::landlock;
      const bool idle = step == ChildStep::terminal || (may_be_absent && is_emulated_guest());
      ASSERT_TRUE(places_.contains(step) || idle) << child_step_name(step);
    }
  }

  // The supervisor is dead before the child goes on, or dies while it does.
  void kill_at(ChildStep step, int place, bool first, Dies who) {
    TracedChild run(from_host({"/attacks/forbidden_first"}), kLimit);
    std::string where = std::string(child_step_name(step)) + " was not seen";
    for (auto stop = run.next(); stop; stop = run.next()) {
      if (stop->step == step) where = describe(*stop);
      if ((stop->step == step && place-- == 0) || is_set_up(*stop)) break;
    }
    ASSERT_EQ(run.stuck(), "") << where;
    if (who == Dies::supervisor_and_keeper) run.kill_helpers();
    if (!first) run.let_go();
    run.kill_supervisor();
    expect_all_gone("the child at " + where, [&run] {
      run.let_go();
      return run.living();
    });
  }

  // Every step once, and then again and again at other places while there is time. An emulated
  // processor may not come through all of them in the time that it has.
  void kill_at_every_step(seconds time, Dies who) {
    count_places();
    const auto began = std::chrono::steady_clock::now();
    const auto in_time = [&](seconds limit) {
      return std::chrono::steady_clock::now() - began < limit;
    };
    std::size_t steps = 0;
    for (const auto& [step, places] : places_)
      if (in_time(5 * time) && !HasFailure()) {
        kill_at(step, 0, true, who);
        ++steps;
      }
    std::printf("%zu of %zu steps\n", steps, places_.size());
    EXPECT_TRUE(steps == places_.size() || is_emulated_guest());
    int most = 0;
    for (const auto& [step, places] : places_) most = std::max(most, 2 * places);
    for (int turn = 1; turn < most; ++turn)
      for (const auto& [step, places] : places_)
        if (turn < 2 * places && in_time(time) && !HasFailure())
          kill_at(step, spread(turn / 2, places), turn % 2 == 0, who);
  }

  std::map<ChildStep, int> places_;
};

TEST_F(DeathOfTheChild, SupervisorDiesAtEachStep) {
  kill_at_every_step(seconds(20), Dies::supervisor);
}

// SECURITY(die-with-supervisor): the child itself notices. The cgroups stay, and the starts that
// follow remove them.
TEST_F(DeathOfTheChild, LeavesByItselfWithoutTheKeeper) {
  cgroups_stay_ = true;
  kill_at_every_step(seconds(10), Dies::supervisor_and_keeper);
  cgroups_stay_ = false;
  for (int i = 0; i < 20 && !left_over().empty(); ++i) {
    const RunResult next = run_yett({"run", "-m", "64M", "--", "true"});
    EXPECT_EQ(next.exit_status, 0) << next.text();
  }
  EXPECT_EQ(left_over(), "");
}

}  // namespace
}  // namespace yett::test

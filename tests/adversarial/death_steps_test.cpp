// security.md, "Supervisor": kill -9 at every step. The start and the end are walked system call by
// system call (traced_run.hpp), and the supervisor dies at each. Then no forbidden
// act has succeeded, and within a second all is gone: processes, mounts, loop devices, cgroups.
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/scope_exit.hpp"
#include "ioctl_uapi/launch_protocol.hpp"
#include "tests/adversarial/death_fixture.hpp"
#include "tests/adversarial/traced_run.hpp"
#include "tests/support/await.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

using std::chrono::milliseconds;

std::string place_of(const Stop& stop) {
  return (stop.entry ? "before call " + std::to_string(stop.call)
                     : "after a call with result " + std::to_string(stop.result));
}

bool is_receive(const Stop& stop) {
  return stop.entry && stop.call == SYS_ioctl && stop.arguments[1] == SECCOMP_IOCTL_NOTIF_RECV;
}
bool is_send(const Stop& stop) {
  return stop.entry && stop.call == SYS_ioctl && stop.arguments[1] == SECCOMP_IOCTL_NOTIF_SEND;
}

// Every call that the supervisor makes from its exec to the first refusal.
TEST_F(DeathSteps, AtEachCallOfTheSupervisor) {
  int calls = 0;
  {
    TracedRun run(from_package());
    for (auto stop = run.next(); stop && !is_receive(*stop); stop = run.next()) ++calls;
  }
  EXPECT_GT(calls, 200) << "that is not a whole start";
  constexpr int kStride = 37;  // prime: all over the start early on, everywhere in the end
  for (int i = 0; i < calls && (i < repeated(40) || time_left()); ++i) {
    const int at = i * kStride % calls;
    TracedRun run(from_package());
    std::string place;
    for (int k = 0; k <= at; ++k)
      if (const auto stop = run.next()) place = place_of(*stop);
    run.kill_supervisor();
    expect_all_gone("supervisor at stop " + std::to_string(at) + ", " + place);
    if (HasFailure()) return;
  }
}

// The moments of an answer: before and after it was fetched, before and after it was given.
TEST_F(DeathSteps, AtEachMomentOfAnAnswer) {
  struct Moment {
    const char* name;
    bool (*call)(const Stop&);
    bool before;
  };
  constexpr Moment kMoments[] = {{"before RECV", is_receive, true},
                                 {"after RECV", is_receive, false},
                                 {"before SEND", is_send, true},
                                 {"after SEND", is_send, false}};
  for (int i = 0; i < 20 && (i < repeated(3) || time_left()); ++i)
    for (const Moment& moment : kMoments) {
      TracedRun run(from_host({"/attacks/forbidden_first"}), Threads::all);
      int left = i;
      while (const auto stop = run.next())
        if (moment.call(*stop) && left-- == 0) break;
      if (!moment.before) static_cast<void>(run.next());
      run.kill_supervisor();
      expect_all_gone(moment.name);
      if (HasFailure()) return;
    }
}

// The program has ended, one that it left behind has not: every call from the report of its end.
TEST_F(DeathSteps, AtEachCallOfTheEnd) {
  const auto command = from_host({"/bin/sh", "-c", "/attacks/forbidden_first & sleep 0.05"});
  const auto run_to_the_end = [](TracedRun& run) {
    std::uint64_t buffer = 0;
    while (const auto stop = run.next()) {
      if (stop->entry) {
        buffer = stop->call == SYS_recvfrom ? stop->arguments[1] : 0;
        continue;
      }
      LaunchMessage message;
      if (buffer != 0 && stop->result == sizeof message &&
          run.read_memory(buffer, &message, sizeof message) &&
          message.kind == LaunchMessageKind::exited)
        return true;
    }
    return false;
  };
  int calls = 0;
  {
    TracedRun run(command);
    ASSERT_TRUE(run_to_the_end(run));
    while (run.next()) ++calls;
  }
  EXPECT_GT(calls, 5);
  constexpr int kStride = 7;
  for (int i = 0; i < calls && (i < repeated(12) || time_left()); ++i) {
    const int at = i * kStride % calls;
    TracedRun run(command);
    ASSERT_TRUE(run_to_the_end(run));
    for (int k = 0; k < at; ++k) static_cast<void>(run.next());
    run.kill_supervisor();
    expect_all_gone("the end, call " + std::to_string(at));
    if (HasFailure()) return;
  }
}

// The twin: a process that nobody ties to its parent outlives it, and is seen to.
TEST_F(DeathSteps, WithoutAGuardItLivesOn) {
  RunningProgram parent({"sh", "-c", kAttacks + "/forbidden_first " + volume_ + " & echo $!; wait"},
                        {.before_exec = [] { ::setsid(); }});
  const ScopeExit none_is_left([group = parent.pid()] { ::kill(-group, SIGKILL); });
  ASSERT_TRUE(parent.wait_for_output("\n", milliseconds(20000)));
  const int orphan = std::stoi(parent.output());
  parent.kill(SIGKILL);
  EXPECT_TRUE(comes_true([this] { return std::filesystem::exists(volume_ + "/unshare"); }));
  EXPECT_EQ(::kill(orphan, 0), 0);
}

}  // namespace
}  // namespace yett::test

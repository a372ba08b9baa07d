// The child's steps: in order, and each one's failure ends the launch, names itself and leaves
// nothing behind.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#include "ioctl_uapi/fd_passing.hpp"
#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/launch/launcher.hpp"
#include "sandbox/plan/planner.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "tests/support/require.hpp"

namespace yett {
namespace {

SandboxPlan default_plan(std::vector<std::string> command) {
  const SandboxRequest request{.command = std::move(command)};
  const auto policy = make_builtin_policy("plugin");
  const PlanContext context{.identity_seed = static_cast<std::uint32_t>(::getpid()),
                            .host_root_entries = list_host_root()};
  auto plan = make_plan(request, *policy, probe_kernel_features({}), context);
  EXPECT_TRUE(plan) << plan.error().message();
  // No supervisor runs here: refusals are answered by the filter itself.
  plan->filter.audited_refusals = false;
  return std::move(*plan);
}

LaunchResult<RunningSandbox> launch(const SandboxPlan& plan) {
  const auto filter = compile_filter(plan.filter);
  const auto staging = open_runtime_directory();
  EXPECT_TRUE(filter && staging);
  auto waiting = start_sandbox(plan, *filter, {.staging_directory = *staging});
  if (!waiting) return std::unexpected<LaunchFailure>(std::move(waiting).error());
  return release_sandbox(std::move(*waiting), plan);
}

class Launch : public ::testing::Test {
 protected:
  void SetUp() override { YETT_REQUIRE(::geteuid() == 0, "mounting needs root"); }
};

TEST_F(Launch, RunsTheProgramAndReportsItsExit) {
  auto running = launch(default_plan({"sh", "-c", "exit 7"}));
  ASSERT_TRUE(running) << running.error().error.message();
  const auto message = receive_launch_message(running->status_socket.borrow());
  ASSERT_TRUE(message) << message.error().message();
  EXPECT_EQ(message->message.kind, LaunchMessageKind::exited);
  EXPECT_EQ(WEXITSTATUS(message->message.wait_status), 7);
}

TEST_F(Launch, EveryStepIsTakenInOrder) {
  auto running = launch(default_plan({"true"}));
  ASSERT_TRUE(running) << running.error().error.message();
  ASSERT_TRUE(receive_launch_message(running->status_socket.borrow()));
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < running->page.timings().at_ns.size(); ++i) {
    const std::uint64_t at = running->page.timings().at_ns[i];
    EXPECT_GE(at, last) << child_step_name(static_cast<ChildStep>(i));
    EXPECT_NE(at, 0U) << child_step_name(static_cast<ChildStep>(i)) << " was not taken";
    last = at;
  }
}

TEST_F(Launch, SignalsReachTheApp) {
  auto running = launch(default_plan({"sleep", "60"}));
  ASSERT_TRUE(running) << running.error().error.message();
  const LaunchMessage term{.kind = LaunchMessageKind::signal, .detail = SIGTERM};
  ASSERT_EQ(send_launch_message(running->status_socket.get(), term), kDone);
  const auto message = receive_launch_message(running->status_socket.borrow());
  ASSERT_TRUE(message);
  EXPECT_EQ(WTERMSIG(message->message.wait_status), SIGTERM);
}

// SECURITY(die-with-supervisor)
TEST_F(Launch, TheSandboxDiesWithItsSupervisorsSocket) {
  auto running = launch(default_plan({"sleep", "60"}));
  ASSERT_TRUE(running) << running.error().error.message();
  running->status_socket.reset();
  int status = 0;
  EXPECT_EQ(::waitpid(running->init.pid(), &status, 0), running->init.pid());
}

TEST_F(Launch, AMissingProgramIsNamed) {
  const auto running = launch(default_plan({"no-such-program"}));
  ASSERT_FALSE(running);
  EXPECT_EQ(running.error().step, ChildStep::exec);
  EXPECT_EQ(running.error().error.sys_errno, ENOENT);
  EXPECT_EQ(running.error().error.subject, "no-such-program");
}

TEST_F(Launch, AMissingWorkingDirectoryIsNamed) {
  SandboxPlan plan = default_plan({"true"});
  plan.process.working_directory = "/no/such/directory";
  const auto running = launch(plan);
  ASSERT_FALSE(running);
  EXPECT_EQ(running.error().step, ChildStep::app_directory);
}

// ---- each step fails in turn --------------------------------------------------------------------

// Makes the kernel refuse one call, in this process and its children: what the step would meet on a
// host that cannot do it. `argument` narrows it to calls whose argument `index` has this value.
struct Refusal {
  ChildStep step;
  long call = 0;
  int index = -1;
  std::uint32_t argument = 0;
};

void install(const Refusal& refusal) {
  const auto load = [](std::uint32_t offset) {
    return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offset};
  };
  const auto checked = static_cast<std::uint32_t>(
      refusal.index < 0 ? offsetof(seccomp_data, nr)
                        : offsetof(seccomp_data, args) + 8U * static_cast<unsigned>(refusal.index));
  const std::uint32_t wanted =
      refusal.index < 0 ? static_cast<std::uint32_t>(refusal.call) : refusal.argument;
  sock_filter program[] = {
      load(offsetof(seccomp_data, nr)),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, static_cast<std::uint32_t>(refusal.call)},
      load(checked),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, wanted},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EDOM},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog filter{.len = std::size(program), .filter = program};
  ASSERT_EQ(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), 0);
}

class FailingStep : public ::testing::TestWithParam<Refusal> {};

TEST_P(FailingStep, EndsTheLaunchAndNamesItself) {
  YETT_REQUIRE(::geteuid() == 0, "mounting needs root");
  SandboxPlan plan = default_plan({"true"});
  if (!plan.landlock
           .applied) {  // Landlock before its scopes (Linux 6.12): one right keeps the step
    plan.landlock.applied = true;
    plan.landlock.handled_fs = LANDLOCK_ACCESS_FS_MAKE_SYM;
  }
  const Refusal refusal = GetParam();
  // The filter can never be removed: a child of the test carries it.
  const pid_t child = ::fork();
  if (child == 0) {
    install(refusal);
    const auto running = launch(plan);
    const bool named =
        !running && running.error().step == refusal.step && running.error().error.sys_errno == EDOM;
    if (!named && running) std::fputs("the program ran all the same\n", stderr);
    if (!named && !running) std::fprintf(stderr, "%s\n", running.error().error.message().c_str());
    // Nothing of the sandbox is left: every child was reaped.
    const bool gone = ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
    ::_exit(named && gone ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << child_step_name(refusal.step);
}

INSTANTIATE_TEST_SUITE_P(
    Steps, FailingStep,
    ::testing::Values(
        Refusal{ChildStep::start, SYS_prctl, 0, PR_SET_DUMPABLE},
        Refusal{ChildStep::private_mounts, SYS_mount},
        Refusal{ChildStep::hostname, SYS_sethostname},
        Refusal{ChildStep::network, SYS_ioctl, 1, 0x8914 /* SIOCSIFFLAGS */},
        Refusal{ChildStep::session_keyring, SYS_keyctl}, Refusal{ChildStep::root, SYS_fsopen},
        Refusal{ChildStep::mounts, SYS_open_tree}, Refusal{ChildStep::pivot_root, SYS_pivot_root},
        Refusal{ChildStep::groups, SYS_setgroups},
        Refusal{ChildStep::user_namespace, SYS_unshare, 0, CLONE_NEWUSER},
        Refusal{ChildStep::cgroup_namespace, SYS_unshare, 0, CLONE_NEWCGROUP},
        Refusal{ChildStep::rlimits, SYS_prlimit64}, Refusal{ChildStep::identity, SYS_setresuid},
        Refusal{ChildStep::capabilities, SYS_capset},
        Refusal{ChildStep::no_new_privs, SYS_prctl, 0, PR_SET_NO_NEW_PRIVS},
        Refusal{ChildStep::die_with_parent, SYS_prctl, 0, PR_SET_PDEATHSIG},
        Refusal{ChildStep::stdio, SYS_close_range}, Refusal{ChildStep::app_session, SYS_setsid},
        Refusal{ChildStep::landlock, SYS_landlock_restrict_self},
        Refusal{ChildStep::filter, SYS_seccomp, 1,
                SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
        Refusal{ChildStep::exec, SYS_execve}),
    [](const auto& chosen) {
      std::string name = child_step_name(chosen.param.step);
      for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      return name;
    });

}  // namespace
}  // namespace yett

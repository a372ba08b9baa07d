// The child of the supervisor's that stands in a target's place: docs/threat-model.md, table
// "Supervisor".
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <cerrno>
#include <chrono>

#include "supervisor/emulate/in_target.hpp"
#include "supervisor/emulate/target_files.hpp"
#include "tests/support/fake_sandbox.hpp"
#include "tests/support/require.hpp"

namespace yett {
namespace {

using std::chrono::steady_clock;
using test::NotifiedChild;
using test::Shared;

struct HelperSeen {
  std::atomic<pid_t> pid;
  std::atomic<int> held;  // errno of a look at a descriptor of the supervisor's; 0: it has it
  int descriptor;
};

ChildResult stay(const TargetStand& /*stand*/, const void* given) {
  auto* seen = const_cast<HelperSeen*>(static_cast<const HelperSeen*>(given));
  seen->held = ::fcntl(seen->descriptor, F_GETFD) < 0 ? errno : 0;
  seen->pid = ::getpid();
  while (true) ::pause();
}

TargetPlace own_place() {
  return {.mounts = UniqueFd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)),
          .root = UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)),
          .base = UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)),
          .file = {}};
}

bool has_ended(pid_t pid) {
  const bool ended = ::kill(pid, 0) != 0;
  if (!ended) ::kill(pid, SIGKILL);
  return ended;
}

// SECURITY(helper-dies), helper-holds-nothing: a helper that a target makes wait leaves nothing of
// the supervisor's behind, and not itself.
TEST(HelperAttacks, AWaitingHelperEndsWithItsSupervisor) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  const Shared<HelperSeen> seen;
  seen->held = -1;
  // Whoever adopts orphans reaps them: here this process, so that a number means one process.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    // Not a number that the helper gives to something of its own.
    seen->descriptor = ::fcntl(::open("/dev/null", O_RDONLY | O_CLOEXEC), F_DUPFD_CLOEXEC, 100);
    static_cast<void>(run_in_target(own_place(), test::make_test_plan().identity, stay, &*seen));
    ::_exit(0);
  }
  for (int i = 0; i < 1000 && seen->pid == 0; ++i) ::usleep(1000);
  ASSERT_NE(seen->pid, 0);
  EXPECT_EQ(seen->held, EBADF);
  ::kill(supervisor, SIGKILL);
  test::wait_status(supervisor);
  int status = 0;
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (::waitpid(seen->pid, &status, WNOHANG) == 0 && steady_clock::now() < deadline)
    ::usleep(1000);
  EXPECT_TRUE(has_ended(seen->pid));
  ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

// SECURITY(mounts-of-its-own): whatever was planned, the supervisor's own mounts are nobody's to
// work on.
TEST(HelperAttacks, ATargetAmongTheHostsMountsGetsNone) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  for (const bool own_mounts : {false, true}) {
    NotifiedChild child({SYS_mknod}, [own_mounts] {
      if (own_mounts && ::unshare(CLONE_NEWNS) != 0) return 99;
      return ::syscall(SYS_mknod, "/no-such-directory/null", S_IFCHR | 0666, ::makedev(1, 3)) == 0
                 ? 0
                 : errno;
    });
    ASSERT_TRUE(child.notified());
    auto pending = receive_notification(child.listener());
    ASSERT_TRUE(pending && *pending);
    const int error = emulate_mknod(**pending, test::make_test_plan());
    EXPECT_EQ(error, own_mounts ? ENOENT : EIO);
    static_cast<void>((*std::move(*pending)).answer_error(error));
    EXPECT_EQ(child.join(), error);
  }
}

}  // namespace
}  // namespace yett

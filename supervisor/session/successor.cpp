#include "supervisor/session/successor.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "ioctl_uapi/clone.hpp"

namespace yett {
namespace {

constexpr std::array kTerminalStops{SIGTSTP, SIGTTIN, SIGTTOU};

struct Forked {
  ChildProcess child;  // none in the child itself
  bool is_child = false;
};

Result<Forked> fork_child() {
  const int pid = ::fork();
  if (pid == 0) return Forked{.child = {}, .is_child = true};
  if (pid < 0) return fail(errno_error("fork", "successor"));
  auto process = open_pidfd(pid);
  if (process) return Forked{.child = ChildProcess(pid, *std::move(process))};
  ::kill(pid, SIGKILL);
  return fail(std::move(process).error());
}

// SECURITY(one-id): the sandbox's host id comes from its first supervisor's number, which must
// nobody else be given while the sandbox lives. The kernel keeps a number that is a process
// group's: the successors stay in the group of that number. The supervisor itself, which is in its
// caller's, goes back there.
Result<Forked> fork_into_own_group() {
  const int group = ::getpgrp();
  if (group == ::getpid()) return fork_child();
  if (::setpgid(0, 0) != 0) return fail(errno_error("setpgid", "successor"));
  auto forked = fork_child();
  if (!forked || !forked->is_child) ::setpgid(0, group);
  return forked;
}

// Signals of the terminal are the supervisor's.
void wait_for_death_of(BorrowedFd supervisor) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  for (const int each : kTerminalStops) ::signal(each, SIG_IGN);
  struct pollfd watched{.fd = supervisor.get(), .events = POLLIN, .revents = 0};
  while (::poll(&watched, 1, -1) <= 0) {
  }
  constexpr timespec kNow{};
  while (::sigtimedwait(&all, nullptr, &kNow) > 0) {  // what came meanwhile was not for us
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

Result<Succession> stand_by(const StandBy& how) {
  Succession succession;
  for (int taken_over = 0; taken_over < kMostAdoptions; ++taken_over) {
    const int supervisor = ::getpid();
    YETT_TRY(const UniqueFd self, open_pidfd(supervisor));
    auto forked = taken_over == 0 ? fork_into_own_group() : fork_child();
    if (!forked && taken_over == 0) return fail(std::move(forked).error());
    if (!forked) return succession;
    if (!forked->is_child) {
      Status told = how.tell ? how.tell(forked->child.pidfd()) : Status{};
      if (told) succession.successor = std::move(forked->child);
      if (!told && taken_over == 0) return fail(std::move(told).error());
      return succession;
    }
    ::prctl(PR_SET_NAME, "yett-successor", 0, 0, 0);
    if (how.let_go && taken_over == 0) how.let_go();
    wait_for_death_of(self.borrow());
    ::prctl(PR_SET_NAME, "yett", 0, 0, 0);
    succession.lost = supervisor;
  }
  return succession;
}

}  // namespace yett

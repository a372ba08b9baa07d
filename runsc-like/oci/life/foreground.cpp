#include "runsc-like/oci/life/foreground.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/raw_terminal.hpp"
#include "ioctl_uapi/clone.hpp"

namespace yett::oci {
namespace {

sigset_t held_signals() {
  sigset_t held;
  ::sigfillset(&held);
  for (const int never : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
    ::sigdelset(&held, never);
  return held;
}

bool copy_some(int from, int to) {
  std::array<char, 16384> piece;
  const ssize_t got = ::read(from, piece.data(), piece.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  for (ssize_t done = 0; done < got;) {
    const ssize_t wrote = ::write(to, piece.data() + done, static_cast<std::size_t>(got - done));
    if (wrote < 0 && errno != EINTR) return false;
    if (wrote > 0) done += wrote;
  }
  return got > 0;
}

std::optional<int> reap(int pid) {
  std::optional<int> ended;
  int status = 0;
  // Orphans of the container come to us too, where we are their nearest reaper.
  for (int reaped = 0; (reaped = ::waitpid(-1, &status, WNOHANG)) > 0;)
    if (reaped == pid) ended = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return ended;
}

// The exit status, once it is known.
std::optional<int> take_signal(int signals, const ChildProcess& process, int terminal) {
  struct signalfd_siginfo got{};
  if (::read(signals, &got, sizeof got) != sizeof got) return std::nullopt;
  const int number = static_cast<int>(got.ssi_signo);
  if (number == SIGCHLD) return reap(process.pid());
  if (number == SIGWINCH && terminal >= 0)
    copy_window_size(BorrowedFd(STDIN_FILENO), BorrowedFd(terminal));
  else if (number != SIGWINCH && number != SIGURG && number != SIGPIPE)
    static_cast<void>(send_signal(process.pidfd(), number));
  return std::nullopt;
}

void drain(int terminal) {
  struct pollfd left{.fd = terminal, .events = POLLIN, .revents = 0};
  while (::poll(&left, 1, 0) > 0 && (left.revents & POLLIN) != 0)
    if (!copy_some(terminal, STDOUT_FILENO)) return;
}

}  // namespace

void hold_signals() {
  const sigset_t held = held_signals();
  ::sigprocmask(SIG_BLOCK, &held, nullptr);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

Result<int> stay_in_foreground(ChildProcess& process, UniqueFd terminal) {
  const sigset_t held = held_signals();
  const UniqueFd signals(::signalfd(-1, &held, SFD_CLOEXEC));
  if (!signals.valid()) return fail(errno_error("signalfd"));
  std::optional<RawTerminal> raw;
  if (terminal.valid()) {
    raw.emplace(BorrowedFd(STDIN_FILENO));
    copy_window_size(BorrowedFd(STDIN_FILENO), terminal.borrow());
  }
  std::optional<int> status = reap(process.pid());
  int input = terminal.valid() ? STDIN_FILENO : -1;
  int output = terminal.get();
  while (!status) {
    std::array<struct pollfd, 3> ready{{{.fd = signals.get(), .events = POLLIN, .revents = 0},
                                        {.fd = input, .events = POLLIN, .revents = 0},
                                        {.fd = output, .events = POLLIN, .revents = 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR)
      return fail(errno_error("poll"));
    if (ready[0].revents != 0) status = take_signal(signals.get(), process, terminal.get());
    if (ready[1].revents != 0 && !copy_some(STDIN_FILENO, terminal.get())) input = -1;
    if (ready[2].revents != 0 && !copy_some(terminal.get(), STDOUT_FILENO)) output = -1;
  }
  if (terminal.valid()) drain(terminal.get());
  process.leave();
  return *status;
}

}  // namespace yett::oci

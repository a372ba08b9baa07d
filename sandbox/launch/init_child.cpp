// PID 1 of the sandbox: starts the app, passes signals on, reaps, and leaves with the app; the
// kernel then ends whatever is left. It has no privilege, no fd but the status socket, and no
// memory that the app could open.
#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ioctl_uapi/fd_passing.hpp"
#include "sandbox/launch/child_context.hpp"

namespace yett {
namespace {

std::int64_t microseconds(const timeval& time) { return time.tv_sec * 1'000'000LL + time.tv_usec; }

[[noreturn]] void report_exit(int socket, int status, const struct rusage& usage) {
  const LaunchMessage message{.kind = LaunchMessageKind::exited,
                              .wait_status = status,
                              .user_us = microseconds(usage.ru_utime),
                              .system_us = microseconds(usage.ru_stime),
                              .max_rss_kib = usage.ru_maxrss};
  static_cast<void>(send_launch_message(socket, message));
  ::_exit(0);
}

// Reaps everything that ended; ends with the app.
void reap(int socket, int app) {
  for (;;) {
    int status = 0;
    struct rusage usage{};
    const int pid = static_cast<int>(::syscall(SYS_wait4, -1, &status, WNOHANG, &usage));
    if (pid <= 0) return;
    if (pid == app) report_exit(socket, status, usage);
  }
}

// SECURITY(die-with-supervisor): the parent's end of the socket closed: leave, and everything with
// us.
void obey(int socket, int app) {
  LaunchMessage message;
  if (receive_launch_message_child(socket, message) != kDone) ::_exit(125);
  if (message.kind == LaunchMessageKind::signal) ::kill(app, message.detail);
}

// Nothing is kept but the socket and the signalfd: a pipe held open here would outlive the app's
// end of it.
void close_all_but(int first, int second) {
  const auto low = static_cast<unsigned>(first < second ? first : second);
  const auto high = static_cast<unsigned>(first < second ? second : first);
  if (low > 0) ::syscall(SYS_close_range, 0U, low - 1, 0);
  if (high > low + 1) ::syscall(SYS_close_range, low + 1, high - 1, 0);
  ::syscall(SYS_close_range, high + 1, ~0U, 0);
}

void drain(int signals) {
  struct signalfd_siginfo info{};
  while (::read(signals, &info, sizeof info) > 0) {
  }
}

[[noreturn]] void watch(int socket, int signals, int app) {
  struct pollfd ready[2] = {{.fd = socket, .events = POLLIN, .revents = 0},
                            {.fd = signals, .events = POLLIN, .revents = 0}};
  for (;;) {
    reap(socket, app);
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) ::_exit(125);
    if ((ready[0].revents & (POLLIN | POLLHUP)) != 0) obey(socket, app);
    if ((ready[1].revents & POLLIN) != 0) drain(signals);
  }
}

int block_child_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

void run_init_child(ChildContext& context) {
  const int signals = block_child_signals();
  if (signals < 0) fail_child(context, ChildStep::stdio, errno);
  const AppStart app = start_app(context);
  if (app.failed_step != ChildStep::count) fail_child(context, app.failed_step, app.error);
  const LaunchMessage started{
      .kind = LaunchMessageKind::started, .step = ChildStep::exec, .app_pid = app.pid};
  const ChildResult sent =
      send_launch_message(context.status_socket, started, app.listener, context.terminal_master);
  if (sent != kDone || restrict_init() != kDone) ::_exit(125);
  close_all_but(context.status_socket, signals);
  watch(context.status_socket, signals, app.pid);
}

}  // namespace yett

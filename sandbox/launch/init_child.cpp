// PID 1 of the sandbox: starts the app, or waits for one who comes in, passes signals on, reaps,
// and leaves with the app; the kernel then ends whatever is left. It has no privilege, no fd but
// the status socket, and no memory that the app could open.
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
#include "ioctl_uapi/own_code.hpp"
#include "sandbox/launch/child_context.hpp"

namespace yett {
namespace {

std::int64_t microseconds(const timeval& time) { return time.tv_sec * 1'000'000LL + time.tv_usec; }

void report_exit(int socket, int status, const struct rusage& usage, bool is_nothing_left) {
  const LaunchMessage message{.kind = LaunchMessageKind::exited,
                              .detail = is_nothing_left ? kNothingLeft : -1,
                              .wait_status = status,
                              .user_us = microseconds(usage.ru_utime),
                              .system_us = microseconds(usage.ru_stime),
                              .max_rss_kib = usage.ru_maxrss};
  static_cast<void>(send_launch_message(socket, message));
}

// What init watches. With `children`, nobody else clears away what the app leaves behind.
struct Watched {
  int socket;
  int signals;
  int app;           // 0: nobody has come in
  int children;      // -1: the pid namespace goes with init
  int entered = -1;  // a pidfd of the app, when it is somebody else's child
};

[[noreturn]] void leave(const Watched& watched, int status) {
  if (watched.children >= 0) clear_away_children(watched.children);
  ::_exit(status);
}

// Reaps everything that ended; ends with an app of its own.
void reap(const Watched& watched) {
  for (;;) {
    int status = 0;
    struct rusage usage{};
    const int pid = static_cast<int>(::syscall(SYS_wait4, -1, &status, WNOHANG, &usage));
    if (pid <= 0) return;
    if (pid != watched.app) continue;
    report_exit(watched.socket, status, usage, watched.children >= 0 && !reap_ended_children());
    leave(watched, 0);
  }
}

// SECURITY(die-with-supervisor): the parent's end of the socket closed: leave, and everything with
// us.
void obey(Watched& watched) {
  LaunchMessage message;
  int passed = -1;
  if (receive_launch_message_child(watched.socket, message, &passed) != kDone) leave(watched, 125);
  if (message.kind == LaunchMessageKind::signal && watched.app > 0)
    ::kill(watched.app, message.detail);
  if (message.kind != LaunchMessageKind::entered) return;
  watched.app = message.app_pid;
  watched.entered = passed;
}

// Its own parent waits for it, and knows how it has ended.
[[noreturn]] void leave_after_function(const Watched& watched) {
  const LaunchMessage left{.kind = LaunchMessageKind::left};
  static_cast<void>(send_launch_message(watched.socket, left));
  leave(watched, 0);
}

void close_between(int below, int above) {
  if (above - below > 1)
    ::syscall(SYS_close_range, static_cast<unsigned>(below + 1), static_cast<unsigned>(above - 1),
              0);
}

// Nothing is kept but these: a pipe held open here would outlive the app's end of it.
void close_all_but(const Watched& watched) {
  int kept[] = {watched.socket, watched.signals, watched.children};
  for (int sorted = 0; sorted < 2; ++sorted)
    for (int i = 0; i < 2; ++i)
      if (kept[i] > kept[i + 1]) {
        const int smaller = kept[i + 1];
        kept[i + 1] = kept[i];
        kept[i] = smaller;
      }
  int below = -1;
  for (const int fd : kept) {
    close_between(below, fd);
    below = fd;
  }
  ::syscall(SYS_close_range, static_cast<unsigned>(below + 1), ~0U, 0);
}

void drain(int signals) {
  struct signalfd_siginfo info{};
  while (::read(signals, &info, sizeof info) > 0) {
  }
}

[[noreturn]] void watch(Watched watched) {
  struct pollfd ready[3] = {{.fd = watched.socket, .events = POLLIN, .revents = 0},
                            {.fd = watched.signals, .events = POLLIN, .revents = 0},
                            {.fd = -1, .events = POLLIN, .revents = 0}};
  for (;;) {
    reap(watched);
    ready[2].fd = watched.entered;
    if (::poll(ready, 3, -1) < 0 && errno != EINTR) leave(watched, 125);
    if (watched.entered >= 0 && (ready[2].revents & POLLIN) != 0) leave_after_function(watched);
    if ((ready[0].revents & (POLLIN | POLLHUP)) != 0) obey(watched);
    if ((ready[1].revents & POLLIN) != 0) drain(watched.signals);
  }
}

int block_child_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Restricted as far as it will be, and with nothing else open.
[[noreturn]] void settle_and_watch(const Watched& watched) {
  // What is shared with the parent, and the context, are not looked at any more.
  keep_only_own_program();
  forget_own_code();  // as long as madvise(2) and munmap(2) may be called
  if (restrict_init() != kDone) leave(watched, 125);
  close_all_but(watched);
  watch(watched);
}

}  // namespace

void run_init_child(ChildContext& context) {
  const int signals = block_child_signals();
  if (signals < 0) fail_child(context, ChildStep::stdio, errno);
  if (context.runs_function)
    settle_and_watch(
        {.socket = context.status_socket, .signals = signals, .app = 0, .children = -1});
  const AppStart app = start_app(context);
  if (app.failed_step != ChildStep::count) fail_child(context, app.failed_step, app.error);
  const LaunchMessage started{
      .kind = LaunchMessageKind::started, .step = ChildStep::exec, .app_pid = app.pid};
  const ChildResult sent =
      send_launch_message(context.status_socket, started, app.listener, context.terminal_master);
  const Watched watched{.socket = context.status_socket,
                        .signals = signals,
                        .app = app.pid,
                        .children = context.children};
  if (sent != kDone) leave(watched, 125);
  forget_callers(__builtin_frame_address(0));
  settle_and_watch(watched);
}

}  // namespace yett

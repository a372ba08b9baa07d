// The child of the fallback mode, in which it has no namespace: every orphan of the sandbox comes
// back to it, as to PID 1 of a pid namespace, and it takes them with it.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ioctl_uapi/fd_passing.hpp"
#include "sandbox/guard/landlock_child.hpp"
#include "sandbox/launch/child_context.hpp"

namespace yett {
namespace {

constexpr char kChildren[] = "/proc/thread-self/children";

// Numbers with a space behind each, as the kernel writes them. An unreaped child keeps its number.
bool kill_listed(const char* text, ssize_t size) {
  int pid = 0;
  bool any = false;
  for (ssize_t i = 0; i < size; ++i) {
    if (text[i] >= '0' && text[i] <= '9') {
      pid = pid * 10 + (text[i] - '0');
      continue;
    }
    any = (pid > 0 && ::kill(pid, SIGKILL) == 0) || any;
    pid = 0;
  }
  return any;
}

}  // namespace

bool reap_ended_children() {
  for (;;) {
    const int pid = static_cast<int>(::syscall(SYS_wait4, -1, nullptr, WNOHANG, nullptr));
    if (pid == 0) return true;
    if (pid < 0 && errno != EINTR) return false;
  }
}

// SECURITY(fallback-end): whoever is killed leaves its children to this process. A sandbox that
// forks faster than it is looked at is stopped by the end of its listener: without one, fork fails.
void clear_away_children(int children) {
  char text[4096];
  while (reap_ended_children()) {
    // Whoever was killed may still be on its way out: the next look waits for the first of them.
    if (kill_listed(text, ::pread(children, text, sizeof text, 0)))
      static_cast<void>(::syscall(SYS_wait4, -1, nullptr, 0, nullptr));
    else
      ::poll(nullptr, 0, 1);
  }
}

// The working directory is the root for who looks the app's own up beneath it.
ChildResult begin_fallback(ChildContext& context) {
  YETT_STEP(from_libc(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)));
  YETT_STEP(from_libc(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)));
  context.children = ::open(kChildren, O_RDONLY | O_CLOEXEC);
  YETT_STEP(from_libc(context.children));
  ::umask(context.plan->process.umask);
  return from_libc(::chdir("/"));
}

ChildResult open_fallback_terminal(ChildContext& context) {
  if (context.plan->process.terminal == TerminalMode::none) return kDone;
  context.terminal_master = ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  YETT_STEP(from_libc(context.terminal_master));
  const int unlocked = 0;
  YETT_STEP(from_libc(::ioctl(context.terminal_master, TIOCSPTLCK, &unlocked)));
  context.terminal_slave =
      ::ioctl(context.terminal_master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  return from_libc(context.terminal_slave);
}

// The root is the host's, and the rules are many: the parent, which can look them up as well, adds
// what this process has not come to.
ChildResult prepare_landlock(ChildContext& context) {
  return add_landlock_rules(context.plan->landlock, context.landlock_ruleset,
                            context.page->next_landlock_rule);
}

// The bounding set stays, which takes a right to lower: under no_new_privs it gives nothing.
ChildResult drop_own_capabilities(ChildContext&) {
  YETT_STEP(from_libc(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)));
  struct __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const struct __user_cap_data_struct none[2]{};
  return from_libc(::syscall(SYS_capset, &header, none));
}

// SECURITY(fallback-stdio): a socket that is not connected for good would be sent anywhere.
ChildResult check_sockets_on_stdio(ChildContext&) {
  for (int fd = 0; fd <= 2; ++fd) {
    int type = SOCK_STREAM;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type != SOCK_STREAM &&
        type != SOCK_SEQPACKET)
      return EPROTOTYPE;
  }
  return kDone;
}

}  // namespace yett

// startContainer hooks: programs of the container itself, run as its process would be, with its
// identity and filters on, before it executes its own program.
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/container/container_context.hpp"

namespace yett::container_steps {
namespace {

constexpr int kNotRun = 127;

[[noreturn]] void execute_hook(const PreparedHook& hook, int state) {
  if (::lseek(state, 0, SEEK_SET) == 0 && ::dup2(state, STDIN_FILENO) == STDIN_FILENO)
    ::syscall(SYS_execve, hook.path, hook.argv, hook.environment);
  ::_exit(kNotRun);
}

// The third argument is the pidfd's place on every architecture.
int fork_with_pidfd(int& pidfd) {
  return static_cast<int>(
      ::syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr));
}

ChildResult await_hook(int pid, int pidfd, int timeout_ms) {
  struct pollfd ended{.fd = pidfd, .events = POLLIN, .revents = 0};
  const bool late = ::poll(&ended, 1, timeout_ms) == 0;
  if (late) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return errno;
  if (late) return ETIME;
  return status == 0 ? kDone : ECANCELED;
}

ChildResult run_hook(const PreparedHook& hook, int state) {
  int pidfd = -1;
  const int pid = fork_with_pidfd(pidfd);
  if (pid < 0) return errno;
  if (pid == 0) execute_hook(hook, state);
  const ChildResult result = await_hook(pid, pidfd, hook.timeout_ms);
  ::close(pidfd);
  return result;
}

}  // namespace

// SECURITY(container-start-hooks): what a hook names is the image's, so it runs with the rights of
// the container's process and not with the runtime's.
ChildResult start_hooks(ContainerContext& context) {
  for (std::size_t i = 0; i < context.start_hooks.size(); ++i) {
    context.detail = static_cast<int>(i);
    YETT_STEP(run_hook(context.start_hooks[i], context.hook_state));
  }
  context.detail = -1;
  return kDone;
}

}  // namespace yett::container_steps

// The app, from vfork to exec. It shares PID 1's memory and fd table until then.
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/guard/landlock_child.hpp"
#include "sandbox/launch/child_context.hpp"

namespace yett {
namespace {

struct AppWork {
  const ChildContext* context;
  AppStart* start;
};

// A session of its own: the caller's terminal cannot be this process's controlling one.
// SECURITY(own-session)
ChildResult own_session(const AppWork& work) {
  for (int signal_number = 1; signal_number < NSIG; ++signal_number)
    ::signal(signal_number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  YETT_STEP(from_libc(::sigprocmask(SIG_SETMASK, &none, nullptr)));
  YETT_STEP(from_libc(::setsid()));
  if (work.context->terminal_slave < 0) return kDone;
  return from_libc(::ioctl(0, TIOCSCTTY, 0));
}

// SECURITY(cwd-inside): the new root is the only one there is, but descriptors of the launch are
// still open, and a way through /proc/self/fd (which a package may ask for) would lead to what they
// hold outside. A magic link is ELOOP here.
ChildResult enter_directory(const AppWork& work) {
  const int directory = sys_open_in_root(AT_FDCWD, work.context->working_directory,
                                         O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return from_kernel(directory);
  const ChildResult entered = from_libc(::fchdir(directory));
  ::close(directory);
  return entered;
}

ChildResult landlock(const AppWork& work) {
  return restrict_with_landlock(work.context->plan->landlock, work.context->landlock_ruleset);
}

ChildResult install_filter(const AppWork& work) {
  const ChildContext& context = *work.context;
  if (context.page->filter_length == 0) return kDone;
  const sock_fprog filter{.len = context.page->filter_length, .filter = context.page->filter};
  const long listener =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, context.filter_flags, &filter);
  if (listener < 0) return errno;
  work.start->listener = static_cast<int>(listener);
  return kDone;
}

// Nobody listens yet who could be asked where the name leads: a filter that asks knows this one by
// its last register.
void execute_one(const ChildContext& context, const char* path) {
  ::syscall(SYS_execve, path, context.argv, context.environment, 0, 0, kSteeredCall);
}

// As execvp(3) looks a name up, without its allocations and without its shell for files of unknown
// format.
ChildResult execute(const AppWork& work) {
  const ChildContext& context = *work.context;
  ChildResult best = ENOENT;
  for (const char* const* path = context.candidates; *path != nullptr; ++path) {
    execute_one(context, *path);
    if (errno != ENOENT && errno != ENOTDIR) best = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  return best;
}

struct Step {
  ChildStep id;
  ChildResult (*run)(const AppWork&);
};

constexpr Step kSteps[] = {
    {ChildStep::app_session, own_session},
    {ChildStep::app_directory, enter_directory},
    {ChildStep::landlock, landlock},
    {ChildStep::filter, install_filter},
    {ChildStep::exec, execute},
};

int run_app(void* argument) {
  const AppWork& work = *static_cast<const AppWork*>(argument);
  for (const Step& step : kSteps) {
    if (step.id == ChildStep::exec) note_step(*work.context, step.id);
    const ChildResult result = step.run(work);
    if (result == kDone) {
      note_step(*work.context, step.id);
      continue;
    }
    work.start->failed_step = step.id;
    work.start->error = result;
    break;
  }
  ::syscall(SYS_exit_group, 127);
  return 127;
}

}  // namespace

AppStart start_app(const ChildContext& context) {
  constexpr std::size_t kPage = 4096;
  alignas(kPage) static char stack[64 * 1024];
  AppStart start;
  AppWork work{.context = &context, .start = &start};
  const int pid =
      ::clone(run_app, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &work);
  start.pid = pid;
  if (pid < 0) {
    start.failed_step = ChildStep::app_session;
    start.error = errno;
  }
  ::madvise(stack, sizeof stack, MADV_DONTNEED);  // nobody's any more: the app has its own
  return start;
}

}  // namespace yett

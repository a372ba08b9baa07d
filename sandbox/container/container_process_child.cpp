// What a container's process is given before it becomes the program: session, limits, directory.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/container/container_context.hpp"
#include "sandbox/guard/mount_entry_child.hpp"
#include "sandbox/guard/namespaces_child.hpp"

namespace yett::container_steps {
namespace {

// sched_setattr(2), whose struct no header of Debian 12's has.
struct SchedulerAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;
  std::uint64_t deadline;
  std::uint64_t period;
};
static_assert(sizeof(SchedulerAttributes) == 48);

ChildResult set_scheduler(const ContainerScheduler& asked) {
  const SchedulerAttributes attributes{.size = sizeof attributes,
                                       .policy = asked.policy,
                                       .flags = asked.flags,
                                       .nice = asked.nice,
                                       .priority = asked.priority,
                                       .runtime = asked.runtime,
                                       .deadline = asked.deadline,
                                       .period = asked.period};
  return from_libc(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

ChildResult set_io_priority(int priority) {
  constexpr int kThisProcess = 1;  // IOPRIO_WHO_PROCESS
  return from_libc(::syscall(SYS_ioprio_set, kThisProcess, 0, priority));
}

// Made when missing, as images expect; never outside of the root.
ChildResult make_missing_directory(const char* path) {
  const int root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  const ChildResult made = make_directories(root, path, 0755);
  ::close(root);
  return made;
}

// SECURITY(container-cwd): descriptors of the launch are still open, and a way through
// /proc/self/fd would lead to what they hold outside. A magic link is ELOOP here.
ChildResult enter_directory(const char* path) {
  const int directory = sys_open_in_root(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return from_kernel(directory);
  const ChildResult entered = from_libc(::fchdir(directory));
  ::close(directory);
  return entered;
}

}  // namespace

// SECURITY(container-non-dumpable): from the first instruction until exec, so that nothing in the
// container can open this process's memory, fds or executable through /proc.
ChildResult begin(ContainerContext&) {
  ::umask(0);
  for (int signal_number = 1; signal_number < NSIG; ++signal_number)
    ::signal(signal_number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  YETT_STEP(from_libc(::sigprocmask(SIG_SETMASK, &none, nullptr)));
  return from_libc(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

ChildResult session(ContainerContext& context) {
  YETT_STEP(from_libc(::setsid()));
  if (context.process->new_keyring) YETT_STEP(join_new_session_keyring());
  if (context.terminal_slave < 0) return kDone;
  for (int fd = 0; fd <= 2; ++fd) YETT_STEP(from_libc(::dup2(context.terminal_slave, fd)));
  return from_libc(::ioctl(0, TIOCSCTTY, 0));
}

ChildResult limits(ContainerContext& context) {
  const ContainerProcess& process = *context.process;
  for (std::size_t i = 0; i < process.rlimits.size(); ++i) {
    const ContainerRlimit& entry = process.rlimits[i];
    context.detail = static_cast<int>(i);
    const struct rlimit limit{.rlim_cur = entry.soft, .rlim_max = entry.hard};
    YETT_STEP(from_libc(::setrlimit(static_cast<__rlimit_resource>(entry.resource), &limit)));
  }
  context.detail = -1;
  if (process.scheduler) YETT_STEP(set_scheduler(*process.scheduler));
  if (process.io_priority) YETT_STEP(set_io_priority(*process.io_priority));
  if (!context.plan->personality) return kDone;
  return ::personality(*context.plan->personality) < 0 ? errno : kDone;
}

// In the container's cgroup, whose cpuset both are bounded by.
ChildResult placement(ContainerContext& context) {
  const auto& cpus = context.process->cpus;
  context.detail = kPlacementCpus;
  if (!cpus.empty())
    YETT_STEP(from_libc(
        ::syscall(SYS_sched_setaffinity, 0, cpus.size() * sizeof(std::uint64_t), cpus.data())));
  context.detail = kPlacementMemory;
  if (const auto& policy = context.plan->memory_policy) {
    // The kernel takes one bit less than it is told of.
    const unsigned long bits = policy->nodes.empty() ? 0 : policy->nodes.size() * 64 + 1;
    YETT_STEP(from_libc(::syscall(SYS_set_mempolicy, policy->mode, policy->nodes.data(), bits)));
  }
  context.detail = -1;
  return kDone;
}

ChildResult directory(ContainerContext& context) {
  const char* path = context.process->working_directory.c_str();
  const ChildResult entered = enter_directory(path);
  if (entered != ENOENT) return entered;
  YETT_STEP(make_missing_directory(path));
  return enter_directory(path);
}

// Said while `create` still listens, as engines expect it.
ChildResult lookup(ContainerContext& context) {
  ChildResult best = ENOENT;
  for (const char* const* path = context.candidates; *path != nullptr; ++path) {
    struct stat status{};
    if (::stat(*path, &status) != 0) {
      if (errno != ENOENT && errno != ENOTDIR) best = errno;
      continue;
    }
    if (S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0) return kDone;
    best = S_ISDIR(status.st_mode) ? EISDIR : EACCES;
  }
  return best;
}

}  // namespace yett::container_steps

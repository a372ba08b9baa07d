#include "ioctl_uapi/clone.hpp"

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace yett {

namespace {

// clone3(2), whose flags lie in memory, is refused by what confines containers; this one is not.
Result<ForkedChild> plain_fork() {
  int pidfd = -1;
  const long pid = ::syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr);
  if (pid < 0) return fail(errno_error("clone"));
  return ForkedChild{.pid = static_cast<int>(pid), .pidfd = UniqueFd(pid == 0 ? -1 : pidfd)};
}

}  // namespace

Result<ForkedChild> fork_with_namespaces(std::uint64_t namespace_flags, BorrowedFd cgroup) {
  if (namespace_flags == 0 && !cgroup.valid()) return plain_fork();
  int pidfd = -1;
  struct clone_args arguments{};
  arguments.flags = namespace_flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (cgroup.valid()) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup.get());
  }
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return fail(errno_error("clone3", "namespaces"));
  return ForkedChild{.pid = static_cast<int>(pid), .pidfd = UniqueFd(pid == 0 ? -1 : pidfd)};
}

Result<UniqueFd> open_pidfd(int pid) {
  const long opened = ::syscall(SYS_pidfd_open, pid, 0);
  if (opened < 0) return fail(errno_error("pidfd_open", std::to_string(pid)));
  return UniqueFd(static_cast<int>(opened));
}

Status send_signal(BorrowedFd pidfd, int signal_number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal_number, nullptr, 0) != 0)
    return fail(errno_error("pidfd_send_signal"));
  return {};
}

}  // namespace yett

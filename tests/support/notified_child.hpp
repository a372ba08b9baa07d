// A real process under a small seccomp filter that notifies some calls, made by hand so that the
// supervisor's rooms are tested without the launch.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "tests/support/pass_fd.hpp"

namespace yett::test {

// A uid that nothing else on the machine has; what a sandbox's host uid is in production.
inline constexpr uid_t kTargetUid = 0x59F00001;

// A value in memory that test and child share. T needs no destructor.
template <typename T>
class Shared {
 public:
  Shared()
      : value_(new(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0)) T{}) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(value_, sizeof(T)); }
  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

// Installs a filter that notifies `calls` and allows the rest. Returns the listener or -errno.
inline int install_notifying_filter(std::span<const int> calls, unsigned flags = 0) {
  std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const int call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                  SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &filter);
  return listener < 0 ? -errno : static_cast<int>(listener);
}

inline void become(uid_t uid) {
  ::setgroups(0, nullptr);
  if (::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) ::_exit(97);
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // as after an exec
}

inline int wait_status(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// A forked process that installs the filter, hands the listener over and runs `body`, whose result
// is its exit status. Killed and reaped by the destructor.
class NotifiedChild {
 public:
  NotifiedChild(std::vector<int> calls, const std::function<int()>& body, unsigned flags = 0,
                uid_t uid = ::geteuid()) {
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return;
    const UniqueFd ours(sockets[0]);
    UniqueFd theirs(sockets[1]);
    pid_ = ::fork();
    if (pid_ == 0) run_child(theirs.release(), calls, body, flags, uid);
    theirs.reset();
    listener_ = receive_fd(ours.get());
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  NotifiedChild(const NotifiedChild&) = delete;
  NotifiedChild& operator=(const NotifiedChild&) = delete;
  ~NotifiedChild() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait_status(pid_);
  }

  [[nodiscard]] BorrowedFd listener() const { return listener_.borrow(); }
  void close_listener() { listener_.reset(); }
  [[nodiscard]] BorrowedFd pidfd() const { return pidfd_.borrow(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // Exit status, or -signal.
  [[nodiscard]] int join() {
    const int status = wait_status(std::exchange(pid_, 0));
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  // True when a notification waits.
  [[nodiscard]] bool notified(int timeout_ms = 5000) const {
    pollfd watched{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&watched, 1, timeout_ms) > 0 && (watched.revents & POLLIN) != 0;
  }

 private:
  [[noreturn]] static void run_child(int socket, std::span<const int> calls,
                                     const std::function<int()>& body, unsigned flags, uid_t uid) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (uid != ::geteuid()) become(uid);
    const int listener = install_notifying_filter(calls, flags);
    if (listener < 0) ::_exit(98);
    (void)send_fd(socket, listener);
    ::close(listener);
    ::close(socket);
    ::_exit(body());
  }

  pid_t pid_ = 0;
  UniqueFd listener_;
  UniqueFd pidfd_;
};

}  // namespace yett::test

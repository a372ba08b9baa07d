#include "ioctl_uapi/child_process.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>

#include "ioctl_uapi/clone.hpp"

namespace yett {

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  kill_and_reap();
  pid_ = std::exchange(other.pid_, 0);
  pidfd_ = std::move(other.pidfd_);
  return *this;
}

void ChildProcess::kill_and_reap() {
  if (pid_ <= 0) return;
  static_cast<void>(send_signal(pidfd_.borrow(), SIGKILL));
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  pidfd_.reset();
}

void ChildProcess::kill_and_forget() {
  if (pid_ <= 0) return;
  static_cast<void>(send_signal(pidfd_.borrow(), SIGKILL));
  pid_ = 0;
  pidfd_.reset();
}

}  // namespace yett

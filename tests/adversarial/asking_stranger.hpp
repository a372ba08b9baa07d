// Processes under filters of their own.
#pragma once

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yett/uapi.h>

#include <array>
#include <cstddef>
#include <cstdlib>

#include "base/unique_fd.hpp"

namespace yett::test {

// Of the calling process. As seccomp(2): the listener, 0; or -1.
inline int filter_one_call(unsigned call, unsigned action, unsigned flags) {
  std::array<sock_filter, 4> code{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, action),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter{.len = code.size(), .filter = code.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter));
}

// A process that is in no sandbox, whose filter has every ioctl(2) answered by its listener, and
// that asks to begin by one.
class AskingStranger {
 public:
  AskingStranger() {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) ask(pipe[1]);
    ::close(pipe[1]);
    int number = -1;
    if (::read(pipe[0], &number, sizeof number) != sizeof number) std::abort();
    ::close(pipe[0]);
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    listener_.reset(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
  }
  AskingStranger(const AskingStranger&) = delete;
  AskingStranger& operator=(const AskingStranger&) = delete;
  ~AskingStranger() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int listener() const { return listener_.get(); }

 private:
  [[noreturn]] static void ask(int pipe) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int listener =
        filter_one_call(SYS_ioctl, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (::write(pipe, &listener, sizeof listener) == sizeof listener) ::ioctl(-1, YETT_ENTER, 0);
    ::pause();
    ::_exit(1);
  }
  pid_t pid_ = -1;
  UniqueFd listener_;
};

}  // namespace yett::test

#include "supervisor/control/start_program.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "ioctl_uapi/clone.hpp"

namespace yett {
namespace {

// From here on nothing that another thread may hold: system calls only.
[[noreturn]] void become(const char* const* words, const std::array<int, 3>& descriptors,
                         int parent) {
  const char* const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", nullptr};
  // Out of the way of 0, 1, 2 first.
  std::array<int, 3> moved{-1, -1, -1};
  for (std::size_t i = 0; i < moved.size(); ++i)
    moved[i] = ::fcntl(descriptors[i], F_DUPFD_CLOEXEC, 3);
  // SECURITY(no-closed-stdio): the runtime's next open would take a number that is free, and its
  // errors would be written into that file.
  const int nothing = ::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < 3; ++i) {
    const int from = moved[static_cast<std::size_t>(i)];
    if (::dup2(from < 0 ? nothing : from, i) < 0) ::_exit(kCannotRun);
  }
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // SECURITY(own-ids): the raw calls change this process alone, not the threads' beside the parent.
  const bool ours =
      ::syscall(SYS_setresgid, 0, 0, 0) == 0 && ::syscall(SYS_setresuid, 0, 0, 0) == 0;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // after the ids, whose change would undo it
  if (ours && ::getppid() == parent)
    ::execve("/proc/self/exe", const_cast<char* const*>(words),
             const_cast<char* const*>(environment));
  ::_exit(kCannotRun);
}

}  // namespace

Result<ChildProcess> start_self(const std::vector<std::string>& words,
                                const std::array<UniqueFd, 3>& descriptors) {
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  pointers.push_back(nullptr);
  const std::array<int, 3> numbers{descriptors[0].get(), descriptors[1].get(),
                                   descriptors[2].get()};
  const int parent = ::getpid();
  YETT_TRY(ForkedChild child, fork_with_namespaces(0));
  if (child.pid == 0) become(pointers.data(), numbers, parent);
  return ChildProcess(child.pid, std::move(child.pidfd));
}

int wait_for_end(const ChildProcess& program) {
  siginfo_t ended{};
  int waited = 0;
  do {
    waited = ::waitid(P_PID, static_cast<id_t>(program.pid()), &ended, WEXITED | WNOWAIT);
  } while (waited != 0 && errno == EINTR);
  if (waited != 0) return kCannotRun;
  return ended.si_code == CLD_EXITED ? ended.si_status : 128 + ended.si_status;
}

}  // namespace yett

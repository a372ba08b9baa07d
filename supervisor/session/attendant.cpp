#include "supervisor/session/attendant.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/peer.hpp"

namespace yett {
namespace {

// Nothing of the caller's stdio is kept open here.
void leave_stdio() {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd) ::dup2(nothing, fd);
}

[[noreturn]] void attend(const AttendedSandbox& sandbox, BorrowedFd socket) {
  for (;;) {
    const UniqueFd connection(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) {
      if (errno == EINTR || errno == ECONNABORTED || errno == EMFILE) continue;
      ::_exit(0);
    }
    // SECURITY(exec-peer): the socket lies in a directory that is root's alone, and is root's alone
    // to use.
    if (!is_peer_root(connection.borrow())) continue;
    if (::fork() != 0) continue;  // one that cannot be made: the connection closes, which tells
    ::signal(SIGCHLD, SIG_DFL);
    serve_exec(sandbox, connection.borrow());
  }
}

}  // namespace

Result<ChildProcess> start_attendant(const AttendedSandbox& sandbox, BorrowedFd socket,
                                     const std::function<void()>& let_go) {
  const int supervisor = ::getpid();
  YETT_TRY(ForkedChild forked, fork_with_namespaces(0));
  if (forked.pid != 0) return ChildProcess(forked.pid, std::move(forked.pidfd));
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != supervisor) ::_exit(0);
  ::prctl(PR_SET_NAME, "yett-exec", 0, 0, 0);
  ::signal(SIGCHLD, SIG_IGN);  // whoever serves an exec reports to its caller, not here
  leave_stdio();
  if (let_go) let_go();
  attend(sandbox, socket);
}

}  // namespace yett

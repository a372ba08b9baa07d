#include "supervisor/loop/relay_end.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <string>

namespace yett {
namespace {

bool gives(BorrowedFd fd, RelayAccess access) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0) return false;
  const int mode = flags & O_ACCMODE;
  return mode == O_RDWR || mode == (access == RelayAccess::read ? O_RDONLY : O_WRONLY);
}

// Files proper share their offset with whoever else writes to them: those are never opened again.
// SECURITY(reopen-stdio): a supervisor may be root and the descriptor a stranger's. Nothing is
// gained that it does not give, and a terminal may have been hung up and be another user's by now:
// only that of the own session is opened again.
bool may_be_opened_again(BorrowedFd fd, RelayAccess access) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || !gives(fd, access)) return false;
  return S_ISFIFO(status.st_mode) ||
         (S_ISCHR(status.st_mode) && ::tcgetsid(fd.get()) == ::getsid(0));
}

}  // namespace

UniqueFd open_relay_end(BorrowedFd fd, RelayAccess access) {
  if (may_be_opened_again(fd, access)) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
    const int mode = access == RelayAccess::read ? O_RDONLY : O_WRONLY;
    UniqueFd own(::open(path.c_str(), mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own.valid()) return own;
  }
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

}  // namespace yett

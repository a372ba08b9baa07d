#include "supervisor/loop/relay_end.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>

namespace yett {
namespace {

// Files proper share their offset with whoever else writes to them: those are never opened again.
bool may_be_opened_again(BorrowedFd fd) {
  struct stat status{};
  return ::fstat(fd.get(), &status) == 0 && (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode));
}

}  // namespace

UniqueFd open_relay_end(BorrowedFd fd, RelayAccess access) {
  if (may_be_opened_again(fd)) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
    const int mode = access == RelayAccess::read ? O_RDONLY : O_WRONLY;
    UniqueFd own(::open(path.c_str(), mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own.valid()) return own;
  }
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

}  // namespace yett

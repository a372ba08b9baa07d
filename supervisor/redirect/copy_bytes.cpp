#include "supervisor/redirect/copy_bytes.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

namespace yett {

int copy_bytes(BorrowedFd from, BorrowedFd into) {
  if (::ioctl(into.get(), FICLONE, from.get()) == 0) return 0;
  for (;;) {
    const ssize_t copied =
        ::copy_file_range(from.get(), nullptr, into.get(), nullptr, SSIZE_MAX, 0);
    if (copied == 0) return 0;
    if (copied > 0 || errno == EINTR) continue;
    if (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) break;
    return errno;
  }
  std::array<char, 65536> piece;
  for (;;) {
    const ssize_t size = ::read(from.get(), piece.data(), piece.size());
    if (size <= 0) return size == 0 ? 0 : errno;
    for (ssize_t written = 0; written < size;) {
      const ssize_t now =
          ::write(into.get(), piece.data() + written, static_cast<std::size_t>(size - written));
      if (now < 0) return errno;
      written += now;
    }
  }
}

}  // namespace yett

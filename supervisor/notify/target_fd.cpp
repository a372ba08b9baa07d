#include "supervisor/notify/target_fd.hpp"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "ioctl_uapi/clone.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

constexpr unsigned kPidfdThread = 0200;  // PIDFD_THREAD = O_EXCL, Linux 6.9

Error gone() {
  return Error{.kind = ErrorKind::target_gone, .sys_errno = ESRCH, .operation = "target"};
}

// Of the thread itself; before Linux 6.9 of its process, whose threads share their descriptors
// unless one of them has left the common table.
Result<UniqueFd> open_caller(const PendingNotification& pending) {
  if (pending.thread_id() == 0) return fail(gone());
  const long opened = ::syscall(SYS_pidfd_open, pending.thread_id(), kPidfdThread);
  if (opened >= 0) return UniqueFd(static_cast<int>(opened));
  if (errno != EINVAL) return fail(errno_error("pidfd_open"));
  const auto process = read_process_id(pending);
  if (!process) return fail(gone());
  return open_pidfd(*process);
}

}  // namespace

Result<UniqueFd> copy_target_fd(const PendingNotification& pending, int number) {
  YETT_TRY(const UniqueFd caller, open_caller(pending));
  const long copied = ::syscall(SYS_pidfd_getfd, caller.get(), number, 0);
  const int error = errno;
  if (!pending.still_valid()) return fail(gone());
  if (copied < 0) return fail(errno_error(error, "pidfd_getfd", std::to_string(number)));
  return UniqueFd(static_cast<int>(copied));
}

std::optional<int> find_target_socket(const PendingNotification& pending, std::uint64_t inode) {
  const std::string path = "/proc/" + std::to_string(pending.thread_id()) + "/fd";
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  const std::unique_ptr<DIR, int (*)(DIR*)> numbers(::opendir(path.c_str()), ::closedir);
  if (!numbers) return std::nullopt;
  int lowest = INT_MAX;
  std::array<char, 64> link{};
  while (const dirent* entry = ::readdir(numbers.get())) {
    const ssize_t size =
        ::readlinkat(::dirfd(numbers.get()), entry->d_name, link.data(), link.size());
    if (size > 0 && std::string_view(link.data(), static_cast<std::size_t>(size)) == wanted)
      lowest = std::min(lowest, std::atoi(entry->d_name));
  }
  if (lowest == INT_MAX || !pending.still_valid()) return std::nullopt;
  return lowest;
}

}  // namespace yett

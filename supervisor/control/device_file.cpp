#include "supervisor/control/device_file.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "ioctl_uapi/include/yett/uapi.h"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

UniqueFd copy_descriptor(const PendingNotification& pending, int descriptor) {
  const auto process = read_process_id(pending);
  if (!process) return {};
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *process, 0)));
  if (!pidfd.valid()) return {};
  UniqueFd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), descriptor, 0)));
  // Valid now means that the number meant our target all along.
  return pending.still_valid() ? std::move(copy) : UniqueFd();
}

}  // namespace

bool is_control_device(const PendingNotification& pending, std::uint64_t descriptor) {
  const UniqueFd file = copy_descriptor(pending, static_cast<int>(descriptor));
  struct stat found{};
  if (!file.valid() || ::fstat(file.get(), &found) != 0) return false;
  if (!S_ISCHR(found.st_mode) || found.st_rdev != ::makedev(1, 3)) return false;
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  std::array<char, 64> path{};
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  return size > 0 && std::string_view(path.data(), static_cast<std::size_t>(size)) == YETT_DEVICE;
}

}  // namespace yett

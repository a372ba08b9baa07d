#include "ioctl_uapi/own_namespace.hpp"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ioctl_uapi/uapi_fallback.h"

namespace yett {

std::optional<bool> is_own_namespace(const struct stat& there, const std::string& name) {
  struct stat own{};
  if (::stat(("/proc/self/ns/" + name).c_str(), &own) != 0) return std::nullopt;
  return there.st_dev == own.st_dev && there.st_ino == own.st_ino;
}

UniqueFd open_own_namespace(OwnNamespace which) {
  const UniqueFd self(
      static_cast<int>(::syscall(SYS_pidfd_open, ::syscall(SYS_gettid), PIDFD_THREAD)));
  if (!self.valid()) return {};
  const auto wanted =
      which == OwnNamespace::network ? PIDFD_GET_NET_NAMESPACE : PIDFD_GET_USER_NAMESPACE;
  return UniqueFd(::ioctl(self.get(), wanted, 0));
}

}  // namespace yett

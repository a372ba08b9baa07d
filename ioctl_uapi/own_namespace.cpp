#include "ioctl_uapi/own_namespace.hpp"

namespace yett {

std::optional<bool> is_own_namespace(const struct stat& there, const std::string& name) {
  struct stat own{};
  if (::stat(("/proc/self/ns/" + name).c_str(), &own) != 0) return std::nullopt;
  return there.st_dev == own.st_dev && there.st_ino == own.st_ino;
}

}  // namespace yett

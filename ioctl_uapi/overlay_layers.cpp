#include "ioctl_uapi/overlay_layers.hpp"

#include <unistd.h>

#include <cerrno>

#include "ioctl_uapi/mount_api.hpp"

namespace yett {
namespace {

// From '0' on, without what means something in the option: ':' between layers, '\' and, below '0',
// ',' and '/'.
char layer_name(std::size_t index) {
  auto name = static_cast<unsigned>('0' + index);
  if (name >= ':') ++name;
  if (name >= '\\') ++name;
  return static_cast<char>(name);
}

}  // namespace

int sys_fsconfig_layers(int context, int names, std::span<const char* const> bottom_first) {
  if (bottom_first.size() < 2 || bottom_first.size() > kMostLayers) return -EINVAL;
  char option[2 * kMostLayers] = {};
  std::size_t length = 0;
  for (std::size_t i = bottom_first.size(); i-- > 0;) {
    const char name[2] = {layer_name(i), '\0'};
    if (::symlinkat(bottom_first[i], names, name) != 0) return -errno;
    option[length++] = name[0];
    option[length++] = ':';
  }
  option[length - 1] = '\0';
  if (::fchdir(names) != 0) return -errno;
  return sys_fsconfig_string(context, "lowerdir", option);
}

}  // namespace yett

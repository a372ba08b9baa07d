#include "supervisor/emulate/own_capabilities.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace yett {
namespace {

using CapabilityWords = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

bool read_capabilities(CapabilityWords& words) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  return ::syscall(SYS_capget, &header, words.data()) == 0;
}

}  // namespace

std::optional<std::uint64_t> effective_capabilities() {
  CapabilityWords words{};
  if (!read_capabilities(words)) return std::nullopt;
  return words[0].effective | std::uint64_t{words[1].effective} << 32;
}

bool set_effective_capabilities(std::uint64_t effective) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  CapabilityWords words{};
  if (!read_capabilities(words)) return false;
  words[0].effective = static_cast<std::uint32_t>(effective);
  words[1].effective = static_cast<std::uint32_t>(effective >> 32);
  return ::syscall(SYS_capset, &header, words.data()) == 0;
}

}  // namespace yett

#include "supervisor/control/call_memory.hpp"

#include <cerrno>

#include "ioctl_uapi/include/yett/uapi.h"

namespace yett {

bool take_strings(std::string_view& from, std::uint32_t count, std::vector<std::string>& into) {
  for (; count > 0; --count) {
    const std::size_t end = from.find('\0');
    if (end == std::string_view::npos) return false;
    into.emplace_back(from.substr(0, end));
    from.remove_prefix(end + 1);
  }
  return true;
}

std::string join_strings(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined.append(text).push_back('\0');
  return joined;
}

int read_strings(CallMemory& memory, const CallStrings& given, std::vector<std::string>& arguments,
                 std::vector<std::string>& environment) {
  if (given.size > YETT_FRAME_MAX) return E2BIG;
  std::string strings(given.size, '\0');
  if (const int error = memory.read(
          given.address, std::as_writable_bytes(std::span(strings.data(), strings.size())));
      error != 0)
    return error;
  std::string_view left = strings;
  const bool whole = take_strings(left, given.argument_count, arguments) &&
                     take_strings(left, given.environment_count, environment) && left.empty();
  return whole && !arguments.empty() && !arguments.front().empty() ? 0 : EINVAL;
}

}  // namespace yett

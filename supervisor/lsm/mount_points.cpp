#include "supervisor/lsm/mount_points.hpp"

#include <fmt/format.h>

#include "supervisor/lsm/process_identity.hpp"
#include "supervisor/lsm/small_file.hpp"

namespace yett {
namespace {

constexpr int kMountPointField = 4;  // counted from 0

std::string_view field(std::string_view line, int index) {
  for (; index > 0; --index) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return {};
    line.remove_prefix(space + 1);
  }
  return line.substr(0, line.find(' '));
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// The kernel writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                         is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!escaped) {
      result += text[i];
      continue;
    }
    result +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return result;
}

}  // namespace

Result<std::vector<std::string>> list_mount_points(BorrowedFd pidfd) {
  YETT_TRY(const pid_t pid, pid_of(pidfd));
  YETT_TRY(const std::string text, read_proc_file(fmt::format("/proc/{}/mountinfo", pid)));
  return parse_mount_points(text);
}

std::vector<std::string> parse_mount_points(std::string_view mountinfo) {
  std::vector<std::string> points;
  while (!mountinfo.empty()) {
    const std::size_t end = mountinfo.find('\n');
    const std::string_view point = field(mountinfo.substr(0, end), kMountPointField);
    if (!point.empty()) points.push_back(unescape(point));
    if (end == std::string_view::npos) break;
    mountinfo.remove_prefix(end + 1);
  }
  return points;
}

bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.size() > 1;
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

}  // namespace yett

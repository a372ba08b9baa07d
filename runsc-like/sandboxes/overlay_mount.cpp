#include "runsc-like/sandboxes/overlay_mount.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

bool is_octal(char byte) { return byte >= '0' && byte <= '7'; }

// "\040" as a space: proc(5).
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                        is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!escape) {
      plain += text[i];
      continue;
    }
    plain +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
    i += 3;
  }
  return plain;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// "/a:/b\:c": overlay's own escapes, after those of the table.
void add_lowers(const std::string& value, std::vector<std::string>& top_first) {
  std::string lower;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size())
      lower += value[++i];
    else if (value[i] == ':')
      top_first.push_back(std::exchange(lower, {}));
    else
      lower += value[i];
  }
  top_first.push_back(lower);
}

std::optional<OverlayMount> read_options(std::string_view options) {
  std::vector<std::string> top_first;
  for (const std::string_view option : split(options, ','))
    for (const std::string_view key : {"lowerdir=", "lowerdir+="})
      if (option.starts_with(key)) add_lowers(unescaped(option.substr(key.size())), top_first);
  const auto absolute = [](const std::string& path) { return path.starts_with('/'); };
  if (top_first.empty() || !std::ranges::all_of(top_first, absolute)) return std::nullopt;
  return OverlayMount{.lowers = {top_first.rbegin(), top_first.rend()}};
}

std::string read_mountinfo() {
  const UniqueFd file(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 65536> part;
  for (ssize_t got = 0; (got = ::read(file.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(got));
  return text;
}

}  // namespace

std::optional<OverlayMount> find_overlay_mount(std::string_view mountinfo,
                                               const std::string& path) {
  std::optional<OverlayMount> found;
  for (const std::string_view line : split(mountinfo, '\n')) {
    const std::vector<std::string_view> fields = split(line, ' ');
    const auto dash = std::ranges::find(fields, "-");
    constexpr std::size_t kMountPoint = 4;
    if (fields.size() <= kMountPoint || fields.end() - dash < 4) continue;
    if (unescaped(fields[kMountPoint]) != path) continue;
    found = dash[1] == "overlay" ? read_options(dash[3]) : std::nullopt;
  }
  return found;
}

std::optional<OverlayMount> find_overlay_mount(const std::string& path) {
  return find_overlay_mount(read_mountinfo(), path);
}

}  // namespace yett

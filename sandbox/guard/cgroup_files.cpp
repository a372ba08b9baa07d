#include "sandbox/guard/cgroup_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace yett {

Status write_cgroup_file(const std::string& directory, const std::string& file,
                         std::string_view value) {
  const std::string path = directory + "/" + file;
  const UniqueFd opened(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!opened.valid()) return fail(errno_error("open", path));
  if (::write(opened.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return fail(errno_error("write " + std::string(value) + " to", path));
  return {};
}

std::string read_cgroup_file(const std::string& directory, const std::string& file) {
  constexpr std::size_t kLimit = 1U << 16;
  const UniqueFd opened(::open((directory + "/" + file).c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> piece;
  while (opened.valid() && text.size() < kLimit) {
    const ssize_t got = ::read(opened.get(), piece.data(), piece.size());
    if (got <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<std::uint64_t> cgroup_figure(const std::string& text, std::string_view key) {
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (key.empty()) return parse_decimal(line);
    if (line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != ' ') continue;
    line.remove_prefix(key.size() + 1);
    return parse_decimal(line);
  }
  return std::nullopt;
}

}  // namespace yett

#include "sandbox/host/read_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/unique_fd.hpp"

namespace yett {

std::optional<std::string> read_file(const std::string& path) {
  constexpr std::size_t kLimit = 1U << 20;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::nullopt;
  std::string text;
  std::array<char, 4096> piece;
  while (text.size() < kLimit) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<std::string> read_line_file(const std::string& path) {
  std::optional<std::string> text = read_file(path);
  if (text && text->ends_with('\n')) text->pop_back();
  return text;
}

}  // namespace yett

#include "runsc-like/cli/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace yett {
namespace {

Error unreadable(const std::string& path) {
  Error error = errno_error("read", path);
  error.kind = ErrorKind::invalid_request;
  return error;
}

}  // namespace

Result<std::string> read_input_file(const std::string& path, std::uint64_t max_bytes) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file.valid()) return fail(unreadable(path));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(unreadable(path));
  if (S_ISDIR(status.st_mode)) return fail(request_error(path, "is a directory, not a file"));
  std::string text;
  text.reserve(std::min(static_cast<std::uint64_t>(status.st_size), max_bytes));
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0) return fail(unreadable(path));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > max_bytes)
      return fail(request_error(path, "is larger than " + format_size(max_bytes)));
  }
}

}  // namespace yett

#include "supervisor/session/refusal_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.hpp"
#include "sandbox/host/probe.hpp"

namespace yett {
namespace {

constexpr const char* kName = "/refusals";

Result<std::string> read_whole(BorrowedFd file, const std::string& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(errno_error("read", path));
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  if (size < 0) return fail(errno_error("read", path));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// The later half, from a line's beginning.
std::string newest(const std::string& text) {
  const std::size_t line = text.find('\n', text.size() - text.size() / 2);
  return line == std::string::npos ? std::string() : text.substr(line + 1);
}

}  // namespace

// Runs that end at the same time take turns; one that is killed in between leaves a line cut short,
// which is no record.
Status keep_refusals(const std::string& runtime_directory, const std::vector<std::string>& lines) {
  if (lines.size() < 2) return {};
  const std::string path = runtime_directory + kName;
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid() || ::flock(file.get(), LOCK_EX) != 0) return fail(errno_error("open", path));
  YETT_TRY(std::string text, read_whole(file.borrow(), path));
  const std::size_t there = text.size();
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  for (const std::string& line : lines) text += line + "\n";
  const bool whole = text.size() > kMostKeptBytes;
  while (text.size() > kMostKeptBytes) text = newest(text);
  if (whole && ::ftruncate(file.get(), 0) != 0) return fail(errno_error("write", path));
  const std::string_view added = std::string_view(text).substr(whole ? 0 : there);
  if (::pwrite(file.get(), added.data(), added.size(), whole ? 0 : static_cast<off_t>(there)) !=
      static_cast<ssize_t>(added.size()))
    return fail(errno_error("write", path));
  return {};
}

Result<std::string> kept_refusals() {
  YETT_TRY(const std::string directory, open_runtime_directory());
  const std::string path = directory + kName;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid() && errno == ENOENT) return std::string();
  if (!file.valid()) return fail(errno_error("open", path));
  return read_whole(file.borrow(), path);
}

}  // namespace yett

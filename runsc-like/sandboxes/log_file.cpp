#include "runsc-like/sandboxes/log_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time_text.hpp"

namespace yett {
namespace {

UniqueFd open_for_appending(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600));
}

// The field at the front of `text`, which loses it and the space after it.
std::string_view take_field(std::string_view& text) {
  const std::size_t end = text.find(' ');
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return field;
}

}  // namespace

std::string format_log_line(const LogLine& line) {
  std::string text = format_time(line.time_ns);
  text += line.stream == LogStream::out ? " stdout " : " stderr ";
  text += line.tag == LogTag::full ? "F " : "P ";
  text += line.text;
  text += '\n';
  return text;
}

std::optional<LogLine> parse_log_line(std::string_view text) {
  const auto time = parse_time(take_field(text));
  const std::string_view stream = take_field(text);
  const std::string_view tag = take_field(text);
  if (!time || (stream != "stdout" && stream != "stderr") || (tag != "F" && tag != "P"))
    return std::nullopt;
  return LogLine{.time_ns = *time,
                 .stream = stream == "stdout" ? LogStream::out : LogStream::err,
                 .tag = tag == "F" ? LogTag::full : LogTag::partial,
                 .text = text};
}

Result<LogFile> LogFile::open(std::string path) {
  UniqueFd file = open_for_appending(path);
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0)
    return fail(errno_error("open", "log file " + path));
  if (!S_ISREG(status.st_mode))
    return fail(request_error("--log " + path, "is no regular file", "a file or a directory"));
  return LogFile(std::move(path), std::move(file), static_cast<std::uint64_t>(status.st_size));
}

// A full disk, or a file that cannot be begun again, loses lines and stops nobody.
void LogFile::append(const LogLine& line) {
  const std::string text = format_log_line(line);
  if (size_ + text.size() > kMostLogBytes) begin_again();
  if (::write(file_.get(), text.data(), text.size()) > 0) size_ += text.size();
}

// SECURITY(log-bound): what an untrusted program writes never takes more than two files' bytes.
void LogFile::begin_again() {
  const bool moved = ::rename(path_.c_str(), (path_ + ".1").c_str()) == 0;
  UniqueFd fresh = moved ? open_for_appending(path_) : UniqueFd();
  if (fresh.valid())
    file_ = std::move(fresh);
  else if (::ftruncate(file_.get(), 0) != 0)
    file_.reset();
  size_ = 0;
}

}  // namespace yett

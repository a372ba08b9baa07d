// The log of a sandbox: a line of it is "TIME stdout|stderr F|P TEXT", as Kubernetes' runtimes
// write them; P: the program's line goes on in the next. At most two files: FILE, and FILE.1 before
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class LogStream { out, err };
enum class LogTag { full, partial };

struct LogLine {
  std::int64_t time_ns = 0;
  LogStream stream = LogStream::out;
  LogTag tag = LogTag::full;
  std::string_view text;
};

inline constexpr std::uint64_t kMostLogBytes = std::uint64_t{10} << 20;  // of each file
inline constexpr std::size_t kLongestLogText =
    16384;  // of a line; longer ones are cut into partial ones

[[nodiscard]] std::string format_log_line(const LogLine& line);
// Nothing: `text` is no such line.
[[nodiscard]] std::optional<LogLine> parse_log_line(std::string_view text);

// Appends, and begins a new file when the first is full.
class LogFile {
 public:
  // `path` is absolute. Makes the file, 0600.
  [[nodiscard]] static Result<LogFile> open(std::string path);
  void append(const LogLine& line);
  [[nodiscard]] BorrowedFd fd() const { return file_.borrow(); }

 private:
  LogFile(std::string path, UniqueFd file, std::uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}
  void begin_again();
  std::string path_;
  UniqueFd file_;
  std::uint64_t size_;
};

}  // namespace yett

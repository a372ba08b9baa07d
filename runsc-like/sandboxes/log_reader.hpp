// Reading a sandbox's log back, and following it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "runsc-like/sandboxes/log_file.hpp"

namespace yett {

struct LogQuery {
  std::optional<std::uint64_t> last_lines;  // nothing: all
  std::int64_t since_ns = 0;
};

// Of one log, oldest first. A line that is none of a log's is left out.
class LogReader {
 public:
  // Error: there is no such log.
  [[nodiscard]] static Result<LogReader> open(const std::string& path);

  using Take = std::function<void(const LogLine&)>;
  // All that is there now, as the query wants it.
  void read(const LogQuery& query, const Take& take);
  // What has come since.
  void read_more(const Take& take);

 private:
  LogReader(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  UniqueFd file_;
  std::string pending_;  // the beginning of a line that is not whole yet
};

}  // namespace yett

#include "runsc-like/sandboxes/log_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <deque>

namespace yett {
namespace {

UniqueFd open_to_read(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
}

bool is_same_file(BorrowedFd file, const std::string& path) {
  struct stat open{};
  struct stat named{};
  return ::fstat(file.get(), &open) != 0 || ::stat(path.c_str(), &named) != 0 ||
         (open.st_ino == named.st_ino && open.st_dev == named.st_dev);
}

// A line and the text that it looks at.
struct KeptLine {
  LogLine line;
  std::string text;
};

// Gives whole lines to `take`; `pending` keeps what is not whole.
void read_lines(BorrowedFd file, std::string& pending, const LogReader::Take& take) {
  std::array<char, 65536> bytes;
  for (ssize_t got = 0; (got = ::read(file.get(), bytes.data(), bytes.size())) > 0;) {
    pending.append(bytes.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = pending.find('\n', begin)) != std::string::npos;
         begin = end + 1)
      if (const auto line = parse_log_line(std::string_view(pending).substr(begin, end - begin)))
        take(*line);
    pending.erase(0, begin);
  }
}

}  // namespace

Result<LogReader> LogReader::open(const std::string& path) {
  UniqueFd file = open_to_read(path);
  if (!file.valid()) return fail(errno_error("open", "log file " + path));
  return LogReader(path, std::move(file));
}

void LogReader::read(const LogQuery& query, const Take& take) {
  std::deque<KeptLine> kept;
  const Take keep = [&](const LogLine& line) {
    if (line.time_ns < query.since_ns) return;
    if (!query.last_lines) return take(line);
    kept.push_back({.line = line, .text = std::string(line.text)});
    if (kept.size() > *query.last_lines) kept.pop_front();
  };
  if (const UniqueFd before = open_to_read(path_ + ".1"); before.valid()) {
    std::string rest;
    read_lines(before.borrow(), rest, keep);
  }
  read_lines(file_.borrow(), pending_, keep);
  for (KeptLine& each : kept) {
    each.line.text = each.text;
    take(each.line);
  }
}

void LogReader::read_more(const Take& take) {
  read_lines(file_.borrow(), pending_, take);
  if (is_same_file(file_.borrow(), path_)) return;
  read_lines(file_.borrow(), pending_, take);  // what came before it was moved away
  if (UniqueFd fresh = open_to_read(path_); fresh.valid()) {
    file_ = std::move(fresh);
    pending_.clear();
    read_lines(file_.borrow(), pending_, take);
  }
}

}  // namespace yett

#include "runsc-like/sandboxes/log_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/time_text.hpp"
#include "ioctl_uapi/clone.hpp"

namespace yett {
namespace {

// Cuts a stream into lines.
class LineCutter {
 public:
  LineCutter(LogStream stream, LogFile& file) : stream_(stream), file_(file) {}

  void take(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::size_t room = kLongestLogText - pending_.size();
      const std::size_t count = std::min({end, bytes.size(), room});
      pending_ += bytes.substr(0, count);
      bytes.remove_prefix(count);
      if (bytes.starts_with('\n')) {
        bytes.remove_prefix(1);
        write(LogTag::full);
      } else if (pending_.size() == kLongestLogText) {
        write(LogTag::partial);
      }
    }
  }
  void end() {
    if (!pending_.empty()) write(LogTag::partial);  // no line feed came
  }

 private:
  void write(LogTag tag) {
    file_.append({.time_ns = real_time_ns(), .stream = stream_, .tag = tag, .text = pending_});
    pending_.clear();
  }
  LogStream stream_;
  LogFile& file_;
  std::string pending_;
};

// True: there may be more.
bool copy_some(int pipe, LineCutter& lines) {
  std::array<char, 65536> bytes;
  const ssize_t got = ::read(pipe, bytes.data(), bytes.size());
  if (got < 0) return errno == EINTR;
  lines.take({bytes.data(), static_cast<std::size_t>(got)});
  return got > 0;
}

void write_log(int out, int err, LogFile& file) {
  std::array<LineCutter, 2> lines{LineCutter(LogStream::out, file),
                                  LineCutter(LogStream::err, file)};
  std::array<struct pollfd, 2> pipes{
      {{.fd = out, .events = POLLIN, .revents = 0}, {.fd = err, .events = POLLIN, .revents = 0}}};
  while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
    if (::poll(pipes.data(), pipes.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < pipes.size(); ++i)
      if (pipes[i].revents != 0 && !copy_some(pipes[i].fd, lines[i])) pipes[i].fd = -1;
  }
  for (LineCutter& each : lines) each.end();
}

void ignore_every_signal() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

// Nothing but these three, so that the writer holds nothing of anybody's open.
void close_all_but(std::array<int, 3> kept) {
  std::ranges::sort(kept);
  unsigned next = 0;
  for (const int fd : kept) {
    const auto at = static_cast<unsigned>(fd);
    if (at > next) ::syscall(SYS_close_range, next, at - 1, 0);
    next = at + 1;
  }
  ::syscall(SYS_close_range, next, ~0U, 0);
}

Result<std::array<UniqueFd, 2>> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  return std::array<UniqueFd, 2>{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

Result<LogWriter> LogWriter::start(LogFile file) {
  YETT_TRY(auto out, make_pipe());
  YETT_TRY(auto err, make_pipe());
  const int pid = ::fork();
  if (pid < 0) return fail(errno_error("fork", "log writer"));
  if (pid == 0) {
    ::prctl(PR_SET_NAME, "yett-log", 0, 0, 0);
    ignore_every_signal();
    close_all_but({out[0].get(), err[0].get(), file.fd().get()});
    write_log(out[0].get(), err[0].get(), file);
    ::_exit(0);
  }
  return LogWriter(pid, std::move(out[1]), std::move(err[1]));
}

Status LogWriter::take_stdio() {
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing.valid()) return fail(errno_error("open", "/dev/null"));
  std::fflush(nullptr);
  if (::dup2(nothing.get(), 0) < 0 || ::dup2(out_.get(), 1) < 0 || ::dup2(err_.get(), 2) < 0)
    return fail(errno_error("dup2"));
  out_.reset();
  err_.reset();
  return {};
}

void LogWriter::finish() {
  std::fflush(nullptr);
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(nothing.get(), 1);
  ::dup2(nothing.get(), 2);
  constexpr int kFiveSeconds = 5000;
  const auto process = open_pidfd(process_);
  if (!process) return;
  struct pollfd ended{.fd = process->get(), .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, kFiveSeconds) < 0 && errno == EINTR) {
  }
  ::waitpid(process_, nullptr, WNOHANG);
}

}  // namespace yett

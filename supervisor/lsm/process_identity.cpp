#include "supervisor/lsm/process_identity.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "supervisor/lsm/small_file.hpp"

namespace yett {
namespace {

constexpr int kFieldsBetweenCommAndStart = 20;  // fields 3 to 22

}  // namespace

Result<ProcessIdentity> own_process_identity() { return process_identity(::getpid()); }

Result<ProcessIdentity> process_identity(pid_t pid) {
  auto text = read_proc_file(fmt::format("/proc/{}/stat", pid));
  if (!text) {
    Error error = std::move(text).error();
    if (error.sys_errno == ENOENT) error.kind = ErrorKind::target_gone;
    return fail(std::move(error));
  }
  std::size_t at = text->rfind(')');  // the name before it may hold anything
  for (int i = 0; i < kFieldsBetweenCommAndStart && at != std::string::npos; ++i)
    at = text->find(' ', at + 1);
  if (at == std::string::npos) return fail(errno_error(EIO, "read /proc/PID/stat"));
  return ProcessIdentity{.pid = pid, .start_ticks = std::strtoull(text->c_str() + at, nullptr, 10)};
}

Result<pid_t> pid_of(BorrowedFd pidfd) {
  YETT_TRY(const std::string text,
           read_proc_file(fmt::format("/proc/self/fdinfo/{}", pidfd.get())));
  const std::size_t at = text.find("Pid:");
  const long pid = at == std::string::npos ? 0 : std::strtol(text.c_str() + at + 4, nullptr, 10);
  if (pid <= 0) return fail(errno_error(ESRCH, "find the process of a pidfd"));
  return static_cast<pid_t>(pid);
}

}  // namespace yett

#include "supervisor/meter/sandbox_processes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>
#include <string>

#include "supervisor/meter/process_tree.hpp"

namespace yett {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory list_of(BorrowedFd proc) {
  const int again = ::openat(proc.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return nullptr;
  Directory directory(::fdopendir(again));
  if (!directory) ::close(again);
  return directory;
}

Result<UniqueFd> open_proc(const std::string& path) {
  UniqueFd proc(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) return fail(errno_error("open the sandbox's /proc", path));
  return proc;
}

}  // namespace

Result<SandboxProcesses> SandboxProcesses::open(int init) {
  YETT_TRY(UniqueFd proc, open_proc("/proc/" + std::to_string(init) + "/root/proc"));
  return SandboxProcesses(std::move(proc), 0);
}

Result<SandboxProcesses> SandboxProcesses::open_below(int first) {
  YETT_TRY(UniqueFd proc, open_proc("/proc"));
  return SandboxProcesses(std::move(proc), first);
}

std::vector<int> SandboxProcesses::list() const {
  if (below_ != 0) return processes_below(below_);
  std::vector<int> pids;
  const Directory directory = list_of(proc_.borrow());
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name(entry->d_name);
    int pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

std::string_view SandboxProcesses::read(int pid, const char* file, std::span<char> buffer) const {
  const std::string path = std::to_string(pid) + "/" + file;
  return read_of_process(proc_.borrow(), path.c_str(), buffer);
}

UniqueFd SandboxProcesses::open_process(int pid) const {
  return UniqueFd(
      ::openat(proc_.get(), std::to_string(pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::string_view read_of_process(BorrowedFd process, const char* file, std::span<char> buffer) {
  const UniqueFd opened(::openat(process.get(), file, O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) return {};
  const ssize_t size = ::read(opened.get(), buffer.data(), buffer.size());
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// pidfd_send_signal(2) takes a directory of /proc, of whatever namespace.
void signal_process(BorrowedFd process, int signal_number) {
  static_cast<void>(::syscall(SYS_pidfd_send_signal, process.get(), signal_number, nullptr, 0));
}

void kill_all(const SandboxProcesses& processes) {
  for (const int pid : processes.list()) {
    const UniqueFd process = processes.open_process(pid);
    if (process.valid()) signal_process(process.borrow(), SIGKILL);
  }
}

void ask_for_short_turns() {
  struct {
    std::uint32_t size = 48;  // SCHED_ATTR_SIZE_VER0
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 100'000;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
  } attributes;
  errno = 0;
  attributes.nice = ::getpriority(PRIO_PROCESS, 0);
  if (errno == 0) static_cast<void>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace yett

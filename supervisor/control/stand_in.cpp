#include "supervisor/control/stand_in.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ioctl_uapi/mount_api.hpp"
#include "supervisor/control/start_program.hpp"

namespace yett {
namespace {

constexpr std::size_t kMostStrings = 1024;
constexpr std::size_t kMostBytes = 256UL * 1024;
constexpr std::size_t kPage = 4096;

template <typename... Arguments>
long trace(__ptrace_request request, int thread, Arguments... arguments) {
  return ::ptrace(request, thread, arguments...);
}

bool read_memory(int thread, std::uint64_t address, void* into, std::size_t size) {
  const iovec local{into, size};
  const iovec remote{reinterpret_cast<void*>(address), size};
  return ::process_vm_readv(thread, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

// What is left of the bytes that one execve may take.
bool read_string(int thread, std::uint64_t address, std::size_t& budget, std::string& text) {
  std::array<char, kPage> page;
  while (budget > 0) {
    const std::size_t size = std::min(kPage - address % kPage, budget);
    if (!read_memory(thread, address, page.data(), size)) return false;
    const std::size_t length = ::strnlen(page.data(), size);
    text.append(page.data(), length);
    budget -= length;
    if (length < size) return true;
    address += size;
  }
  return false;
}

bool read_strings(int thread, std::uint64_t address, std::size_t& budget,
                  std::vector<std::string>& strings) {
  if (address == 0) return true;
  for (std::size_t i = 0; i <= kMostStrings; ++i) {
    std::uint64_t string = 0;
    if (!read_memory(thread, address + i * sizeof string, &string, sizeof string)) return false;
    if (string == 0) return true;
    if (!read_string(thread, string, budget, strings.emplace_back())) return false;
  }
  return false;
}

// Or executes what has no name.
bool makes_processes(std::uint64_t number) {
  return number == SYS_clone || number == SYS_clone3 || number == SYS_fork || number == SYS_vfork ||
         number == SYS_execveat;
}

// True: `program` ended first.
bool ends_first(BorrowedFd program, BorrowedFd process) {
  pollfd watched[2] = {{.fd = program.get(), .events = POLLIN, .revents = 0},
                       {.fd = process.get(), .events = POLLIN, .revents = 0}};
  while (::poll(watched, 2, -1) < 0 && errno == EINTR) continue;
  return watched[0].revents != 0;
}

}  // namespace

bool is_there(const InsteadOf& wanted) {
  return UniqueFd(
             sys_open_in_root(wanted.root.get(), wanted.program.c_str(), O_PATH | O_CLOEXEC, 0))
      .valid();
}

int StandIn::seize(int thread, int process) {
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!process_.valid()) return errno;
  if (trace(PTRACE_SEIZE, thread, nullptr, PTRACE_O_TRACESYSGOOD) != 0) return errno;
  thread_ = thread;
  return 0;
}

void StandIn::interrupt() const { trace(PTRACE_INTERRUPT, thread_, nullptr, nullptr); }

// Runs the thread to its next system call's entry. SECURITY(stand-in-dies): whatever ends us ends
// it.
bool StandIn::next_call(std::uint64_t& number, std::array<std::uint64_t, 6>& arguments) {
  int status = 0;
  while (::waitpid(thread_, &status, __WALL) == thread_ && WIFSTOPPED(status)) {
    const bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    const bool of_tracing = at_call || status >> 16 != 0;
    trace(PTRACE_SETOPTIONS, thread_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    __ptrace_syscall_info info{};
    if (at_call && trace(PTRACE_GET_SYSCALL_INFO, thread_, sizeof info, &info) >= 0 &&
        info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      number = info.entry.nr;
      std::copy(std::begin(info.entry.args), std::end(info.entry.args), arguments.begin());
      return true;
    }
    trace(PTRACE_SYSCALL, thread_, nullptr, of_tracing ? 0L : long{WSTOPSIG(status)});
  }
  return false;
}

bool StandIn::wait_for_exec(InsteadOf& wanted) {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments{};
  while (next_call(number, arguments)) {
    if (number == SYS_execve) {
      const int error = read_exec(arguments, wanted);
      if (error == 0) return true;
      refuse_call(error);
    } else if (makes_processes(number)) {
      // A child would not be traced, and would be in no sandbox but the first.
      refuse_call(EPERM);
    }
    trace(PTRACE_SYSCALL, thread_, nullptr, 0L);
  }
  return false;
}

int StandIn::read_exec(const std::array<std::uint64_t, 6>& arguments, InsteadOf& wanted) const {
  std::size_t budget = kMostBytes;
  wanted.program.clear();
  wanted.arguments.clear();
  wanted.environment.clear();
  if (!read_string(thread_, arguments[0], budget, wanted.program)) return EFAULT;
  if (!is_there(wanted)) return ENOENT;
  if (!read_strings(thread_, arguments[1], budget, wanted.arguments) ||
      !read_strings(thread_, arguments[2], budget, wanted.environment))
    return budget == 0 ? E2BIG : EFAULT;
  for (int i = 0; i < 3; ++i)
    wanted.descriptors[static_cast<std::size_t>(i)].reset(
        static_cast<int>(::syscall(SYS_pidfd_getfd, process_.get(), i, 0)));
  return 0;
}

void StandIn::replace_call(std::uint64_t number, std::uint64_t argument) const {
  user_regs_struct registers{};
  if (trace(PTRACE_GETREGS, thread_, nullptr, &registers) != 0) return;
  registers.orig_rax = number;
  registers.rdi = argument;
  trace(PTRACE_SETREGS, thread_, nullptr, &registers);
}

// A harmless call in its place, whose result is set at its exit. (No call at all would be number
// -1, and for that the filter kills.)
void StandIn::refuse_call(int error) const {
  replace_call(SYS_getpid, 0);
  trace(PTRACE_SYSCALL, thread_, nullptr, 0L);
  int status = 0;
  if (::waitpid(thread_, &status, __WALL) != thread_ || !WIFSTOPPED(status)) return;
  user_regs_struct registers{};
  if (trace(PTRACE_GETREGS, thread_, nullptr, &registers) != 0) return;
  registers.rax = static_cast<std::uint64_t>(-static_cast<std::int64_t>(error));
  trace(PTRACE_SETREGS, thread_, nullptr, &registers);
}

void StandIn::leave(int status) const {
  replace_call(SYS_exit_group, static_cast<std::uint64_t>(status));
  trace(PTRACE_DETACH, thread_, nullptr, nullptr);
}

void StandIn::stand_in_for(const ChildProcess& program) const {
  if (!ends_first(program.pidfd(), process_.borrow())) return;
  leave(wait_for_end(program));
}

}  // namespace yett

#include "tests/adversarial/traced_run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/unique_fd.hpp"
#include "tests/adversarial/process_state.hpp"

namespace yett::test {
namespace {

RunOptions traced_from_the_start() {
  return {.before_exec = [] {
    ::setsid();
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  }};
}

}  // namespace

TracedRun::TracedRun(std::vector<std::string> argv, Threads threads)
    : program_(std::move(argv), traced_from_the_start()),
      known_{program_.pid()},
      stands_(program_.pid()) {
  int status = 0;
  ::waitpid(program_.pid(), &status, 0);  // stands after its exec
  long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  if (threads == Threads::all) options |= PTRACE_O_TRACECLONE;
  ::ptrace(PTRACE_SETOPTIONS, program_.pid(), nullptr, options);
}

TracedRun::~TracedRun() { kill_supervisor(); }

std::optional<Stop> TracedRun::next() {
  long signal_number = 0;
  while (!ended_) {
    if (stands_ != 0) ::ptrace(PTRACE_SYSCALL, stands_, nullptr, signal_number);
    int status = 0;
    stands_ = ::waitpid(-1, &status, __WALL);
    ended_ = stands_ < 0 || (stands_ == program_.pid() && !WIFSTOPPED(status));
    if (!ended_ && !WIFSTOPPED(status)) stands_ = 0;  // a thread has
    if (ended_ || stands_ == 0) continue;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) return read_stop();
    // A thread begins with a stop, and a clone is one: neither is a signal of its own.
    const bool is_first = known_.insert(stands_).second;
    signal_number = is_first || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
  }
  return std::nullopt;
}

Stop TracedRun::read_stop() const {
  struct __ptrace_syscall_info info{};
  ::ptrace(PTRACE_GET_SYSCALL_INFO, stands_, sizeof info, &info);
  Stop stop{.entry = info.op == PTRACE_SYSCALL_INFO_ENTRY, .thread = stands_};
  if (stop.entry) {
    stop.call = info.entry.nr;
    std::copy(std::begin(info.entry.args), std::end(info.entry.args), stop.arguments.begin());
  } else {
    stop.result = info.exit.rval;
  }
  return stop;
}

bool TracedRun::read_memory(std::uint64_t address, void* into, std::size_t size) const {
  const UniqueFd memory(
      ::open(("/proc/" + std::to_string(program_.pid()) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  return ::pread(memory.get(), into, size, static_cast<off_t>(address)) ==
         static_cast<ssize_t>(size);
}

std::optional<Stop> TracedRun::finish(const Stop& before) {
  std::optional<Stop> stop = next();
  while (stop && (stop->entry || stop->thread != before.thread)) stop = next();
  return stop;
}

// The signal is that thread's alone, which is no longer traced: it stops, and all others with it.
bool TracedRun::stop_supervisor() {
  if (ended_ || stands_ == 0) return false;
  const pid_t stopped = std::exchange(stands_, 0);
  ::syscall(SYS_tgkill, program_.pid(), stopped, SIGSTOP);
  ::ptrace(PTRACE_DETACH, stopped, nullptr, nullptr);
  for (int i = 0; i < 10'000; ++i) {
    if (status_field(stopped, "State").starts_with('T')) return true;
    ::usleep(100);
  }
  return false;
}

void TracedRun::kill_supervisor() {
  if (!ended_) kill_with_traced_threads(program_.pid());
  ended_ = true;
}

}  // namespace yett::test

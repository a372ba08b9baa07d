#include "tests/adversarial/traced_run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/unique_fd.hpp"

namespace yett::test {
namespace {

RunOptions traced_from_the_start() {
  return {.before_exec = [] {
    ::setsid();
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  }};
}

}  // namespace

TracedRun::TracedRun(std::vector<std::string> argv)
    : program_(std::move(argv), traced_from_the_start()) {
  int status = 0;
  ::waitpid(program_.pid(), &status, 0);  // stands after its exec
  ::ptrace(PTRACE_SETOPTIONS, program_.pid(), nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  stands_ = true;
}

TracedRun::~TracedRun() { kill_supervisor(); }

std::optional<Stop> TracedRun::next() {
  long signal_number = 0;
  while (stands_) {
    ::ptrace(PTRACE_SYSCALL, program_.pid(), nullptr, signal_number);
    int status = 0;
    stands_ = ::waitpid(program_.pid(), &status, 0) > 0 && WIFSTOPPED(status);
    if (!stands_) break;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) return read_stop();
    signal_number = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
  }
  return std::nullopt;
}

Stop TracedRun::read_stop() const {
  struct __ptrace_syscall_info info{};
  ::ptrace(PTRACE_GET_SYSCALL_INFO, program_.pid(), sizeof info, &info);
  Stop stop{.entry = info.op == PTRACE_SYSCALL_INFO_ENTRY};
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

void TracedRun::kill_supervisor() {
  stands_ = false;
  program_.kill(SIGKILL);
}

}  // namespace yett::test

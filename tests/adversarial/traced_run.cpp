#include "tests/adversarial/traced_run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/unique_fd.hpp"
#include "sandbox/launch/launch_page.hpp"

namespace yett::test {
namespace {

std::string field_of(pid_t task, const std::string& name) {
  std::ifstream status("/proc/" + std::to_string(task) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  return {};
}

bool in_a_pid_namespace(pid_t task) {
  return field_of(task, "NSpid").find('\t') != std::string::npos;
}

std::uint64_t find_launch_page(pid_t task) {
  constexpr std::uint64_t kSize = (sizeof(LaunchPage) + 4095) / 4096 * 4096;
  std::ifstream maps("/proc/" + std::to_string(task) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    char dash = 0;
    std::istringstream fields(line);
    fields >> std::hex >> begin >> dash >> end;
    if (line.find(" rw-s ") != std::string::npos && end - begin == kSize) return begin;
  }
  return 0;
}

RunOptions traced_from_the_start() {
  return {.before_exec = [] {
    ::setsid();
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  }};
}

}  // namespace

TracedRun::TracedRun(std::vector<std::string> argv, Follow follow)
    : program_(std::move(argv), traced_from_the_start()), follow_(follow) {
  int status = 0;
  ::waitpid(program_.pid(), &status, 0);  // stands after its exec
  long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  if (follow == Follow::child_too)
    options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  ::ptrace(PTRACE_SETOPTIONS, program_.pid(), nullptr, options);
  traced_.insert(program_.pid());
  stopped_ = program_.pid();
}

TracedRun::~TracedRun() { kill_supervisor(); }

void TracedRun::resume(pid_t task, int signal_number) {
  ::ptrace(PTRACE_SYSCALL, task, nullptr, static_cast<long>(signal_number));
}

std::optional<Stop> TracedRun::next() {
  if (stopped_ != 0) resume(std::exchange(stopped_, 0), 0);
  while (traced_.contains(program_.pid())) {
    int status = 0;
    const pid_t task = ::waitpid(-1, &status, __WALL);
    if (task < 0) return std::nullopt;
    if (!WIFSTOPPED(status)) {
      traced_.erase(task);
      continue;
    }
    if (const auto stop = on_stop(task, status)) return stop;
  }
  return std::nullopt;
}

std::optional<Stop> TracedRun::on_stop(pid_t task, int status) {
  const int signal_number = WSTOPSIG(status);
  const int event = status >> 16;
  if (!traced_.contains(task)) {
    on_new_task(task);
    return std::nullopt;
  }
  if (event == PTRACE_EVENT_EXEC && task != program_.pid()) {  // the app: not ours to watch
    ::ptrace(PTRACE_DETACH, task, nullptr, nullptr);
    traced_.erase(task);
    return std::nullopt;
  }
  if (signal_number != (SIGTRAP | 0x80)) {
    resume(task, event != 0 || signal_number == SIGTRAP ? 0 : signal_number);
    return std::nullopt;
  }
  struct __ptrace_syscall_info info{};
  ::ptrace(PTRACE_GET_SYSCALL_INFO, task, sizeof info, &info);
  Stop stop{.task = task,
            .in_supervisor = field_of(task, "Tgid") == std::to_string(program_.pid())};
  stop.entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
  if (stop.entry) {
    stop.call = info.entry.nr;
    std::copy(std::begin(info.entry.args), std::end(info.entry.args), stop.arguments.begin());
  } else {
    stop.result = info.exit.rval;
  }
  stopped_ = task;
  return stop;
}

// The supervisor's threads and the sandbox are followed; helpers of the host's side are not.
void TracedRun::on_new_task(pid_t task) {
  const bool thread = field_of(task, "Tgid") == std::to_string(program_.pid());
  if (!thread && !in_a_pid_namespace(task)) {
    ::ptrace(PTRACE_DETACH, task, nullptr, nullptr);
    return;
  }
  traced_.insert(task);
  resume(task, 0);
}

bool TracedRun::read_memory(pid_t task, std::uint64_t address, void* into, std::size_t size) const {
  const UniqueFd memory(
      ::open(("/proc/" + std::to_string(task) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  return ::pread(memory.get(), into, size, static_cast<off_t>(address)) ==
         static_cast<ssize_t>(size);
}

std::optional<ChildStep> TracedRun::step_of(pid_t task) {
  if (page_address_ == 0) page_address_ = find_launch_page(task);
  StepTimings timings;
  if (page_address_ == 0 || !read_memory(task, page_address_, &timings, sizeof timings))
    return std::nullopt;
  const auto last = std::ranges::find(timings.at_ns, 0U);  // the steps are done in order
  const auto index = static_cast<std::uint32_t>(last - timings.at_ns.begin());
  return static_cast<ChildStep>(std::min(index, static_cast<std::uint32_t>(ChildStep::count) - 1));
}

void TracedRun::kill_supervisor() {
  program_.kill(SIGKILL);
  if (stopped_ != 0) ::ptrace(PTRACE_DETACH, std::exchange(stopped_, 0), nullptr, nullptr);
  let_go();
}

void TracedRun::let_go() {
  int status = 0;
  for (pid_t task = 0; (task = ::waitpid(-1, &status, __WALL | WNOHANG)) > 0;)
    if (WIFSTOPPED(status)) ::ptrace(PTRACE_DETACH, task, nullptr, nullptr);
}

}  // namespace yett::test

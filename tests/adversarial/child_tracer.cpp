#include "tests/adversarial/child_tracer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "sandbox/launch/launch_page.hpp"
#include "tests/adversarial/process_state.hpp"

namespace yett::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC |
                          PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;

// Breaks a wait that would last for ever: the handler does nothing, and comes again and again.
class Alarm {
 public:
  Alarm() {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before_);
    set(100'000);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    set(0);
    ::sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  static void set(suseconds_t microseconds) {
    const itimerval every{.it_interval = {0, microseconds}, .it_value = {0, microseconds}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
  }
  struct sigaction before_{};
};

bool in_a_pid_namespace(pid_t task) {
  return status_field(task, "NSpid").find('\t') != std::string::npos;
}

bool has_ended(const UniqueFd& pidfd) {
  pollfd watched{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) > 0;
}

void kill_all(const std::map<pid_t, UniqueFd>& processes) {
  for (const auto& [process, pidfd] : processes)
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
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

// Left as they are when the page is not there: PID 1 lets go of it at its last step.
void read_timings(pid_t task, std::uint64_t address, StepTimings& timings) {
  const UniqueFd memory(
      ::open(("/proc/" + std::to_string(task) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  StepTimings read;
  if (::pread(memory.get(), &read, sizeof read, static_cast<off_t>(address)) == sizeof read)
    timings = read;
}

std::pair<UniqueFd, UniqueFd> make_gate() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Its outputs go nowhere: who held them open would keep its owner waiting for their end.
RunOptions behind(int gate) {
  return {.before_exec = [gate] {
    ::setsid();
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int fd : {0, 1, 2}) ::dup2(nowhere, fd);
    char byte = 0;
    if (::read(gate, &byte, 1) != 1) ::_exit(124);
  }};
}

}  // namespace

TracedChild::TracedChild(std::vector<std::string> argv, std::chrono::milliseconds limit)
    : gate_(make_gate()), program_(std::move(argv), behind(gate_.first.get())), limit_(limit) {
  ::ptrace(PTRACE_SEIZE, program_.pid(), nullptr, kOptions);
  if (::write(gate_.second.get(), "x", 1) != 1) std::abort();
}

TracedChild::~TracedChild() {
  kill_supervisor();
  kill_all(inside_);  // the helpers have work to do then
  const auto until = Clock::now() + limit_;
  while (let_go() && Clock::now() < until) ::usleep(200);
}

std::optional<ChildStop> TracedChild::next() {
  const Alarm alarm;
  const auto until = Clock::now() + limit_;
  if (stopped_ != 0) resume(std::exchange(stopped_, 0), 0);
  while (Clock::now() < until) {
    const auto event = wait_for_event();
    if (!event) continue;
    if (event->task == program_.pid() && !WIFSTOPPED(event->status)) return std::nullopt;
    if (!WIFSTOPPED(event->status)) {
      traced_.erase(event->task);
      continue;
    }
    if (const auto stop = on_stop(*event)) return stop;
  }
  give_up();
  return std::nullopt;
}

// The end of the supervisor is only looked at, for its owner reaps it.
std::optional<TracedChild::Event> TracedChild::wait_for_event() {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | __WALL | WNOWAIT) != 0) return std::nullopt;
  if (info.si_pid == program_.pid() && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
    return Event{.task = info.si_pid};
  Event event;
  event.task = ::waitpid(info.si_pid, &event.status, __WALL);
  return event.task > 0 ? std::optional(event) : std::nullopt;
}

std::optional<ChildStop> TracedChild::on_stop(const Event& event) {
  const int signal_number = WSTOPSIG(event.status);
  const int kind = event.status >> 16;
  if (kind == PTRACE_EVENT_FORK || kind == PTRACE_EVENT_VFORK || kind == PTRACE_EVENT_CLONE) {
    on_fork(event.task);
    return std::nullopt;
  }
  if (kind == PTRACE_EVENT_STOP) {
    on_new_task(event.task);
    return std::nullopt;
  }
  const bool is_executed = kind == PTRACE_EVENT_EXEC && event.task != program_.pid();
  if (!is_executed && signal_number != (SIGTRAP | 0x80)) {
    resume(event.task, kind != 0 ? 0 : signal_number);
    return std::nullopt;
  }
  stopped_ = event.task;
  if (!is_executed) return read_stop(event.task);
  traced_[event.task] = true;
  return ChildStop{.step = ChildStep::exec};
}

// The supervisor's helpers and threads are not of interest, but that they end is.
void TracedChild::on_new_task(pid_t task) {
  if (traced_.contains(task)) return resume(task, 0);
  const bool inside = in_a_pid_namespace(task);
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, task, 0)));  // invalid for a thread
  if (pidfd.valid()) (inside ? inside_ : helpers_)[task] = std::move(pidfd);
  if (!inside) return detach(task, 0);
  traced_[task] = false;
  resume(task, 0);
}

void TracedChild::on_fork(pid_t task) {
  unsigned long made = 0;
  ::ptrace(PTRACE_GETEVENTMSG, task, nullptr, &made);
  if (task == program_.pid() && in_a_pid_namespace(static_cast<pid_t>(made)))
    ::ptrace(PTRACE_DETACH, task, nullptr, nullptr);
  else
    resume(task, 0);
}

void TracedChild::resume(pid_t task, int signal_number) {
  const auto found = traced_.find(task);
  const auto given = static_cast<long>(signal_number);
  if (found == traced_.end()) {  // the supervisor: only its forks are of interest
    ::ptrace(PTRACE_CONT, task, nullptr, given);
  } else if (found->second) {
    detach(task, signal_number);
  } else {
    ::ptrace(PTRACE_SYSCALL, task, nullptr, given);
  }
}

ChildStop TracedChild::read_stop(pid_t task) {
  struct __ptrace_syscall_info info{};
  ::ptrace(PTRACE_GET_SYSCALL_INFO, task, sizeof info, &info);
  ChildStop stop{.step = step_of(task), .entry = info.op == PTRACE_SYSCALL_INFO_ENTRY};
  if (stop.entry)
    stop.call = info.entry.nr;
  else
    stop.result = info.exit.rval;
  return stop;
}

// The steps are done in order, and each notes its end.
ChildStep TracedChild::step_of(pid_t task) {
  if (page_address_ == 0) page_address_ = find_launch_page(task);
  read_timings(task, page_address_, timings_);
  const auto ended = std::ranges::find(timings_.at_ns, 0U) - timings_.at_ns.begin();
  return static_cast<ChildStep>(
      std::min<std::ptrdiff_t>(ended, static_cast<std::ptrdiff_t>(ChildStep::count) - 1));
}

void TracedChild::give_up() {
  stuck_ = "nothing happened for " + std::to_string(limit_.count()) + " ms\n" +
           describe_process(program_.pid()) + living();
}

void TracedChild::kill_supervisor() {
  if (program_.pid() <= 0) return;
  kill_with_traced_threads(program_.pid());
  program_.wait();
}

void TracedChild::kill_helpers() const { kill_all(helpers_); }

bool TracedChild::let_go() {
  if (stopped_ != 0) detach(std::exchange(stopped_, 0), 0);
  for (const auto& [task, executed] : traced_) ::ptrace(PTRACE_INTERRUPT, task, nullptr, nullptr);
  int status = 0;
  pid_t task = 0;
  while ((task = ::waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
    const bool by_signal =
        WIFSTOPPED(status) && status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80);
    detach(task, by_signal ? WSTOPSIG(status) : 0);  // fails for one that has ended
  }
  return task == 0;
}

void TracedChild::detach(pid_t task, int signal_number) {
  ::ptrace(PTRACE_DETACH, task, nullptr, static_cast<long>(signal_number));
  traced_.erase(task);
}

std::string TracedChild::living() const {
  std::string text;
  for (const auto* group : {&inside_, &helpers_})
    for (const auto& [process, pidfd] : *group)
      if (!has_ended(pidfd)) text += describe_process(process);
  return text;
}

}  // namespace yett::test

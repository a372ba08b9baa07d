#include "supervisor/warm/instance_keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <span>
#include <utility>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/send_fds.hpp"
#include "sandbox/guard/cgroup.hpp"
#include "supervisor/warm/birth_message.hpp"

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPatienceMs = 60'000;
constexpr int kCannotRun = 126;
constexpr std::array kPassedOn{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

// Is there a handler for it, or is it ignored? PID 1 is spared what would end any other process.
bool is_minded(int pid, int signal_number) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  const std::uint64_t bit = std::uint64_t{1} << (signal_number - 1);
  for (std::string line; std::getline(status, line);)
    if ((line.starts_with("SigCgt:") || line.starts_with("SigIgn:")) &&
        (std::stoull(line.substr(7), nullptr, 16) & bit) != 0)
      return true;
  return false;
}

class InstanceKeeper {
 public:
  InstanceKeeper(const KeptInstance& kept, const InstanceHooks& hooks)
      : kept_(kept), hooks_(hooks) {}

  Status prepare();
  Status run(InstanceProgram program);
  // The exit status.
  int watch();
  void leave() {
    if (cgroup_) cgroup_->leave_to_keeper();
  }

 private:
  Status ask_for_birth();
  Status join_cgroups();
  void renew_cgroup_keeper();
  void pass_on(int signal_number);
  void kill() const { static_cast<void>(send_signal(pidfd_.borrow(), SIGKILL)); }
  [[nodiscard]] int time_left() const;
  [[nodiscard]] int end_of(const BirthMessage& message);

  const KeptInstance& kept_;
  const InstanceHooks& hooks_;
  UniqueFd midwife_;
  UniqueFd line_;  // of the instance, for its descriptors
  UniqueFd pidfd_;
  UniqueFd signals_;
  int pid_ = 0;
  std::optional<CgroupDir> cgroup_;
  std::optional<Clock::time_point> until_;
  const char* reason_ = nullptr;  // why it was killed here
  int ended_by_ = 0;              // the signal that would have ended it
};

Status InstanceKeeper::ask_for_birth() {
  YETT_TRY(auto line, make_birth_line());
  midwife_ = std::move(line.first);
  const std::array<int, 1> end{line.second.get()};
  const int sent = send_with_fds(kept_.births.get(), "", 1, end);
  return sent == 0 ? Status() : fail(errno_error(sent, "ask", "midwife"));
}

// Moving somebody else into a cgroup v2 waits for all processors; it goes on beside the mounts.
Status InstanceKeeper::join_cgroups() {
  if (!cgroup_) return {};
  for (const UniqueFd& file : cgroup_->v1_task_files()) {
    BirthMessage message;
    message.head.word = BirthWord::task_file;
    message.descriptors.emplace_back(::fcntl(file.get(), F_DUPFD_CLOEXEC, 3));
    YETT_CHECK(send_birth(midwife_.borrow(), message));
  }
  if (!cgroup_->v2().valid()) return {};
  const UniqueFd members(::openat(cgroup_->v2().get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  const std::string number = std::to_string(pid_);
  if (!members.valid() || ::write(members.get(), number.data(), number.size()) < 0)
    return fail(errno_error("join cgroup", "instance"));
  return {};
}

Status InstanceKeeper::prepare() {
  YETT_CHECK(ask_for_birth());
  if (kept_.plan->cgroup.wanted) {
    CgroupPlan wanted = kept_.plan->cgroup;
    wanted.name += "-" + std::to_string(::getpid());
    YETT_TRY(cgroup_, CgroupDir::make(wanted, kept_.cgroups, kept_.shared_keeper));
  }
  YETT_TRY(BirthMessage born, expect_birth(midwife_.borrow(), kPatienceMs, BirthWord::born));
  if (born.descriptors.empty()) return fail(errno_error(EPROTO, "prepare", "instance"));
  pid_ = born.head.value;
  pidfd_ = std::move(born.descriptors.front());
  YETT_CHECK(join_cgroups());
  BirthMessage joined;
  joined.head.word = BirthWord::joined;
  YETT_CHECK(send_birth(midwife_.borrow(), joined));
  YETT_TRY(BirthMessage prepared,
           expect_birth(midwife_.borrow(), kPatienceMs, BirthWord::prepared));
  if (prepared.descriptors.empty()) return fail(errno_error(EPROTO, "prepare", "instance"));
  line_ = std::move(prepared.descriptors.front());
  return {};
}

Status InstanceKeeper::run(InstanceProgram program) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : kPassedOn) ::sigaddset(&signals, number);
  signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return fail(errno_error("signalfd"));
  YETT_CHECK(send_descriptors(line_.borrow(), program));
  line_.reset();
  program.descriptors = {};  // their ends are the instance's alone
  const BirthMessage message{
      .head = {.word = BirthWord::run,
               .argument_count = static_cast<std::uint32_t>(program.arguments.size()),
               .environment_count = static_cast<std::uint32_t>(program.environment.size())},
      .arguments = std::move(program.arguments),
      .environment = std::move(program.environment),
      .descriptors = {}};
  YETT_CHECK(send_birth(midwife_.borrow(), message));
  const auto running = expect_birth(midwife_.borrow(), kPatienceMs, BirthWord::running);
  if (!running) return fail(running.error());
  if (kept_.plan->wall) until_ = Clock::now() + *kept_.plan->wall;
  hooks_.on_started(pid_, cgroup_ ? cgroup_->directories() : std::vector<std::string>{});
  return {};
}

void InstanceKeeper::pass_on(int signal_number) {
  if (is_minded(pid_, signal_number)) {
    static_cast<void>(send_signal(pidfd_.borrow(), signal_number));
    return;
  }
  ended_by_ = signal_number;
  kill();
}

int InstanceKeeper::time_left() const {
  if (!until_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until_ - Clock::now());
  return left.count() > 0 ? static_cast<int>(std::min<std::int64_t>(left.count(), 3'600'000)) : 0;
}

int InstanceKeeper::end_of(const BirthMessage& message) {
  const int status = message.head.value;
  if (WIFEXITED(status)) {
    hooks_.on_ended(WEXITSTATUS(status), "exited");
    return WEXITSTATUS(status);
  }
  const int told = 128 + (ended_by_ != 0 ? ended_by_ : WTERMSIG(status));
  const bool was_killed = WTERMSIG(status) == SIGKILL && ended_by_ == 0 && reason_ == nullptr;
  if (was_killed && cgroup_ && cgroup_->usage().oom_kills > 0) reason_ = "out_of_memory";
  hooks_.on_ended(told, reason_ != nullptr ? reason_ : "signaled");
  return told;
}

// What it was told is gone with it: the next one is told anew.
void InstanceKeeper::renew_cgroup_keeper() {
  static_cast<void>(cgroup_->renew_keeper(kept_.shared_keeper));
}

int InstanceKeeper::watch() {
  for (;;) {
    const int cgroup_keeper = cgroup_ ? cgroup_->shared_keeper().get() : -1;
    std::array<pollfd, 3> watched{{{.fd = midwife_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = cgroup_keeper, .events = 0, .revents = 0}}};
    const int ready = ::poll(watched.data(), watched.size(), time_left());
    if (ready == 0 && until_ && Clock::now() >= *until_) {
      until_.reset();
      reason_ = "wall_time";
      kill();
    }
    if (watched[0].revents != 0) {
      if (const auto ended = expect_birth(midwife_.borrow(), 0, BirthWord::ended))
        return end_of(*ended);
      // Nobody could tell its end any more.
      kill();
      hooks_.on_ended(128 + SIGKILL, "init_lost");
      return 128 + SIGKILL;
    }
    if (watched[2].revents != 0) renew_cgroup_keeper();
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info)
      pass_on(static_cast<int>(info.ssi_signo));
  }
}

int tell_failure(const InstanceHooks& hooks, const Error& error) {
  std::fprintf(stderr, "yett: warm fork: %s\n", error.message().c_str());
  hooks.on_ended(kCannotRun, "launch_failed");
  return kCannotRun;
}

int keep(InstanceKeeper& keeper, const InstanceHooks& hooks) {
  if (const Status prepared = keeper.prepare(); !prepared)
    return tell_failure(hooks, prepared.error());
  auto program = hooks.await_program();
  if (!program) return 0;  // it is thrown away
  if (const Status run = keeper.run(*std::move(program)); !run)
    return tell_failure(hooks, run.error());
  return keeper.watch();
}

}  // namespace

void keep_instance(const KeptInstance& kept, const InstanceHooks& hooks) {
  InstanceKeeper keeper(kept, hooks);
  const int status = keep(keeper, hooks);
  keeper.leave();
  std::fflush(nullptr);
  ::_exit(status);
}

}  // namespace yett

#include "supervisor/loop/supervise.hpp"

#include <malloc.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>

#include "ioctl_uapi/launch_protocol.hpp"
#include "ioctl_uapi/own_code.hpp"
#include "supervisor/control/control_server.hpp"
#include "supervisor/emulate/sandbox_identity.hpp"
#include "supervisor/loop/asio.hpp"
#include "supervisor/loop/call_workers.hpp"
#include "supervisor/loop/meter_thread.hpp"
#include "supervisor/loop/notification_pump.hpp"
#include "supervisor/loop/question_prompt.hpp"
#include "supervisor/loop/terminal_relay.hpp"
#include "supervisor/loop/watched_fd.hpp"

namespace yett {
namespace {

constexpr int kKilledStatus = 128 + SIGKILL;
constexpr std::chrono::milliseconds kStartedUp{200};
constexpr int kMostKeepers = 64;
constexpr std::array kForwarded{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

Result<UniqueFd> open_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : kForwarded) ::sigaddset(&signals, number);
  ::sigaddset(&signals, SIGWINCH);
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return fail(errno_error("signalfd"));
  return fd;
}

SandboxOutcome make_outcome(const LaunchMessage& exited) {
  if (exited.kind == LaunchMessageKind::left)
    return SandboxOutcome{.reason = EndReason::function_ended};
  SandboxOutcome outcome{.user_us = exited.user_us,
                         .system_us = exited.system_us,
                         .max_rss_kib = exited.max_rss_kib,
                         .is_nothing_left = exited.detail == kNothingLeft};
  if (WIFSIGNALED(exited.wait_status)) {
    outcome.reason = EndReason::signaled;
    outcome.exit_status = 128 + WTERMSIG(exited.wait_status);
  } else {
    outcome.exit_status = WEXITSTATUS(exited.wait_status);
  }
  return outcome;
}

// SIGPIPE would end this process before the terminal is restored and the sandbox cleared away.
class IgnoredPipeSignal {
 public:
  IgnoredPipeSignal() : before_(::signal(SIGPIPE, SIG_IGN)) {}
  IgnoredPipeSignal(const IgnoredPipeSignal&) = delete;
  IgnoredPipeSignal& operator=(const IgnoredPipeSignal&) = delete;
  ~IgnoredPipeSignal() { ::signal(SIGPIPE, before_); }

 private:
  sighandler_t before_;
};

// SECURITY(own-words): not the sandbox's, and said so.
void record_words_of_peer(const SandboxPlan& plan, AuditSink& audit, const std::string& words,
                          const ucred& peer) {
  audit.record(AuditRecord{
      .sandbox = plan.sandbox,
      .pid = peer.pid,
      .comm = {},
      .plane = plane_name(Plane::supervisor),
      .call = "YETT_LOG",
      .object = words,
      .rule = "words of user " + std::to_string(peer.uid) + " of the host, by the control socket",
      .verdict = VerdictKind::allow,
      .mend = {}});
}

class Loop {
 public:
  Loop(const SandboxPlan& plan, const SandboxHandles& handles, AuditSink& audit, UniqueFd signals);
  Result<SandboxOutcome> run();

 private:
  Status start_desk();
  void watch_status();
  void watch_init();
  void watch_listener();
  void watch_signals();
  void watch_kernel_events();
  void watch_names();
  void watch_keeper(BorrowedFd keeper);
  void watch_truth();
  void watch_swaps();
  void watch_workers();
  [[nodiscard]] Status answer_control_socket(uid_t owner);
  void start_wall_clock();
  [[nodiscard]] Status start_meter();
  void rest_soon();
  void flush_audit_soon();
  [[nodiscard]] bool has_more_to_tell() const;

  void on_status();
  void on_init_ended();
  void on_notifications();
  void hand_over();
  void on_workers(CallWorkers::Look why);
  void serve_listener(bool here);
  void on_signals();
  void forward_signal(int number);
  void kill_sandbox(EndReason reason);
  void finish(const SandboxOutcome& outcome);
  std::optional<LaunchMessage> read_exit() const;

  const SandboxPlan& plan_;
  const SandboxHandles& handles_;
  AuditSink& audit_;
  UniqueFd signals_fd_;
  // One thread runs the loop, so Asio's locks are switched off.
  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  WatchedFd status_{io_, handles_.status_socket};
  WatchedFd init_{io_, handles_.init_pidfd};
  WatchedFd signals_{io_, signals_fd_.borrow()};
  std::optional<WatchedFd> listener_;
  std::optional<WatchedFd> kernel_events_;
  std::optional<WatchedFd> names_;
  std::optional<WatchedFd> keeper_;
  int keepers_ = 0;
  std::optional<WatchedFd> truth_reads_;
  std::optional<WatchedFd> swaps_;
  std::unique_ptr<TerminalRelay> relay_;  // not within: its buffers are larger than all the rest
  std::optional<NotificationPump> pump_;
  std::shared_ptr<CallTimes> times_;        // null: nobody is told of them
  std::shared_ptr<GrantDesk> desk_;         // of a plan that asks
  std::unique_ptr<QuestionPrompt> prompt_;  // on the caller's terminal; large, too
  std::unique_ptr<ControlThread> control_;
  std::optional<CallWorkers> workers_;  // since the first call in the target's memory
  std::optional<WatchedFd> workers_news_;
  std::optional<boost::asio::steady_timer> workers_timer_;
  std::optional<boost::asio::steady_timer> wall_clock_;
  std::unique_ptr<MeterThread> meter_;
  std::optional<WatchedFd> meter_news_;
  std::optional<boost::asio::steady_timer> audit_timer_;
  std::optional<boost::asio::steady_timer> rest_timer_;
  std::optional<EndReason> killed_for_;
  std::optional<SandboxOutcome> outcome_;
  std::optional<Error> failure_;
};

Loop::Loop(const SandboxPlan& plan, const SandboxHandles& handles, AuditSink& audit,
           UniqueFd signals)
    : plan_(plan), handles_(handles), audit_(audit), signals_fd_(std::move(signals)) {
  if (handles.listener.valid()) {
    enable_sync_wake_up(handles.listener);
    listener_.emplace(io_, handles.listener);
    pump_.emplace(handles.listener, plan, handles.usage, audit, SlowCalls::hand_over);
  }
  if (handles.kernel_events.valid()) kernel_events_.emplace(io_, handles.kernel_events);
  if (handles.name_questions.valid()) names_.emplace(io_, handles.name_questions);
  if (handles.truth_reads.valid()) truth_reads_.emplace(io_, handles.truth_reads);
  if (handles.swap_requests.valid()) swaps_.emplace(io_, handles.swap_requests);
  if (handles.tell_call_times) times_ = std::make_shared<CallTimes>(handles.tell_call_times);
  if (pump_) pump_->set_times(times_);
  if (pump_) pump_->set_plans(handles.plans);
  if (pump_) pump_->set_admission(handles.admit_task);
  if (pump_) pump_->set_redirector(handles.redirector);
  if (pump_) pump_->set_journal(handles.journal);
  if (handles.pty_master.valid())
    relay_ = std::make_unique<TerminalRelay>(io_, handles.pty_master,
                                             [this] { forward_signal(SIGHUP); });
}

Status Loop::answer_control_socket(uid_t owner) {
  if (!handles_.control_socket.valid()) return {};
  ControlService service{
      .plan = &plan_, .usage = handles_.usage, .make_manager = {}, .on_logged = {}, .owner = owner};
  service.on_logged = [this](const std::string& words, const ucred& peer) {
    record_words_of_peer(plan_, audit_, words, peer);
  };
  YETT_TRY(control_, ControlThread::start(std::move(service), handles_.control_socket));
  return {};
}

Result<SandboxOutcome> Loop::run() {
  const uid_t owner = ::getuid();  // until the sandbox's is adopted
  YETT_TRY(const SandboxIdentity identity,
           SandboxIdentity::adopt(plan_.identity.host_uid, plan_.identity.host_gid));
  if (plan_.ask.opens && listener_) YETT_CHECK(start_desk());
  YETT_CHECK(answer_control_socket(owner));
  YETT_CHECK(start_meter());
  watch_status();
  watch_init();
  watch_signals();
  if (listener_) watch_listener();
  if (kernel_events_) watch_kernel_events();
  if (names_) watch_names();
  watch_keeper(handles_.keeper);
  if (truth_reads_) watch_truth();
  if (swaps_) watch_swaps();
  if (relay_) relay_->start();
  if (prompt_) prompt_->start();
  start_wall_clock();
  rest_soon();
  io_.run();
  if (relay_ && outcome_) relay_->drain(handles_.init_pidfd, signals_fd_.borrow());
  workers_news_.reset();
  workers_.reset();
  if (desk_) desk_->stop();
  control_.reset();
  if (times_) times_->tell();
  if (handles_.drain_kernel_events) handles_.drain_kernel_events();
  audit_.flush();
  if (failure_) return fail(*std::move(failure_));
  return outcome_.value_or(SandboxOutcome{EndReason::init_lost, kKilledStatus});
}

// Who sits at the terminal is asked there; whoever may use the sandbox's socket can answer, too.
Status Loop::start_desk() {
  std::array<int, 2> ends{-1, -1};
  const bool prompts = relay_ && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  if (prompts && ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(errno_error("make a connection", "questions"));
  UniqueFd here(ends[0]);
  YETT_TRY(desk_, GrantDesk::start({.socket = handles_.grant_socket,
                                    .connection = UniqueFd(ends[1]),
                                    .line = handles_.grant_line,
                                    .tell = handles_.tell_question},
                                   handles_.listener, plan_, audit_));
  if (prompts)
    prompt_ = std::make_unique<QuestionPrompt>(io_, std::move(here), desk_->asked(), *relay_);
  return {};
}

void Loop::watch_status() {
  status_.wait_readable([this] { on_status(); });
}

void Loop::watch_init() {
  init_.wait_readable([this] { on_init_ended(); });
}

// What another supervisor received makes no listener readable.
void Loop::watch_listener() {
  if (pump_->has_left()) return boost::asio::post(io_, [this] { on_notifications(); });
  listener_->wait_readable([this] { on_notifications(); });
}

void Loop::watch_signals() {
  signals_.wait_readable([this] { on_signals(); });
}

void Loop::watch_kernel_events() {
  kernel_events_->wait_readable([this] {
    handles_.drain_kernel_events();
    if (audit_.has_folded()) flush_audit_soon();
    watch_kernel_events();
  });
}

void Loop::watch_names() {
  names_->wait_readable([this] {
    handles_.answer_names();
    if (audit_.has_folded()) flush_audit_soon();
    watch_names();
  });
}

// Nothing comes from it but its end.
void Loop::watch_keeper(BorrowedFd keeper) {
  if (!keeper.valid() || ++keepers_ > kMostKeepers) return;
  keeper_.emplace(io_, keeper);
  keeper_->wait_readable([this] {
    keeper_.reset();
    watch_keeper(handles_.renew_keeper());
  });
}

void Loop::watch_truth() {
  truth_reads_->wait_readable([this] {
    handles_.serve_truth_reads();
    watch_truth();
  });
}

void Loop::watch_swaps() {
  swaps_->wait_readable([this] {
    handles_.serve_swaps();
    watch_swaps();
  });
}

void Loop::start_wall_clock() {
  if (!plan_.wall) return;
  wall_clock_.emplace(
      io_, handles_.began + *plan_.wall);  // steady: setting the clock neither kills nor spares
  wall_clock_->async_wait([this](boost::system::error_code error) {
    if (!error) kill_sandbox(EndReason::wall_time);
  });
}

Status Loop::start_meter() {
  if (!handles_.meter) return {};
  YETT_TRY(meter_, MeterThread::start(handles_.meter));
  meter_news_.emplace(io_, meter_->news());
  meter_news_->wait_readable([this] {
    if (const auto reason = meter_->stop()) kill_sandbox(*reason);
  });
  return {};
}

// A sandbox that lives on keeps no code of its start in memory: of five alike, that is half a
// megabyte each. One that ends at once is not worth the call.
void Loop::rest_soon() {
  rest_timer_.emplace(io_, kStartedUp);
  rest_timer_->async_wait([](boost::system::error_code error) {
    if (error) return;
    ::malloc_trim(0);
    forget_own_code();
  });
}

// What was folded is written within a second even if the sandbox now stays quiet.
void Loop::flush_audit_soon() {
  if (audit_timer_) return;
  audit_timer_.emplace(io_, std::chrono::seconds(1));
  audit_timer_->async_wait([this](boost::system::error_code error) {
    audit_timer_.reset();
    if (error) return;
    if (workers_) workers_->flushed();  // first: what they have from here on they tell again
    audit_.flush();
    if (times_) times_->tell();
  });
}

bool Loop::has_more_to_tell() const {
  return audit_.has_folded() || (times_ && times_->has_untold());
}

// The report of the exit, which comes last, stays in the socket: who takes over from us reads it,
// too.
std::optional<LaunchMessage> Loop::read_exit() const {
  LaunchMessage message;
  while (true) {
    const ssize_t size = ::recv(status_.fd(), &message, sizeof message, MSG_DONTWAIT | MSG_PEEK);
    // ECONNRESET is told once, before what is queued, when init left with a message of ours unread.
    if (size < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
    if (size != sizeof message) return std::nullopt;
    if (message.kind == LaunchMessageKind::exited || message.kind == LaunchMessageKind::left)
      return message;
    static_cast<void>(::recv(status_.fd(), &message, sizeof message, MSG_DONTWAIT));
  }
}

void Loop::on_status() {
  if (const auto exited = read_exit()) return finish(make_outcome(*exited));
  // A hang-up without a report: init is dying, and its pidfd tells when it is dead; which it is not
  // before everybody's zombie has been waited for.
  char byte = 0;
  if (::recv(status_.fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
    return handles_.runs_function ? on_init_ended() : status_.forget();
  watch_status();
}

void Loop::on_init_ended() {
  if (const auto exited = read_exit(); exited && !killed_for_) return finish(make_outcome(*exited));
  finish(SandboxOutcome{killed_for_.value_or(EndReason::init_lost), kKilledStatus});
}

void Loop::on_notifications() {
  const Result<PumpState> state = pump_->run();
  if (!state) {
    failure_ = state.error();
    return kill_sandbox(EndReason::init_lost);
  }
  if (has_more_to_tell()) flush_audit_soon();
  if (*state == PumpState::hung_up) return listener_->forget();
  if (*state == PumpState::handed_over) return hand_over();
  if (*state == PumpState::violation) kill_sandbox(EndReason::killed_by_policy);
  watch_listener();
}

// From the first call on that touches the target's memory, threads serve the listener.
void Loop::hand_over() {
  if (!workers_) {
    workers_.emplace(handles_.listener, plan_, handles_.usage, audit_);
    workers_->set_lender(handles_.lender);
    workers_->set_manager(handles_.manager);
    workers_->set_template_maker(handles_.make_template);
    workers_->set_desk(desk_);
    workers_->set_plans(handles_.plans);
    workers_->set_admission(handles_.admit_task);
    workers_->set_redirector(handles_.redirector);
    workers_->set_journal(handles_.journal);
    workers_->set_times(times_);
    workers_news_.emplace(io_, workers_->news());
    watch_workers();
  }
  const bool started = workers_->start(pump_->handed_over()).has_value();
  serve_listener(!started);
  if (!started) watch_listener();
}

void Loop::watch_workers() {
  workers_news_->wait_readable([this] {
    on_workers(CallWorkers::Look::by_news);
    watch_workers();
  });
}

void Loop::on_workers(CallWorkers::Look why) {
  CallWorkers::News news = workers_->look(why);
  for (PendingNotification& late : news.too_late) pump_->refuse_slow(std::move(late));
  if (news.failure) {
    failure_ = std::move(news.failure);
    return kill_sandbox(EndReason::init_lost);
  }
  if (news.violation) kill_sandbox(EndReason::killed_by_policy);
  if (news.folded || audit_.has_folded()) flush_audit_soon();
  serve_listener(!news.served);
  if (!news.watch || workers_timer_) return;
  workers_timer_.emplace(io_, CallWorkers::kStuck);
  workers_timer_->async_wait([this](boost::system::error_code error) {
    workers_timer_.reset();
    if (!error) on_workers(CallWorkers::Look::by_clock);
  });
}

// Here: while all threads are stuck. What they would do is refused then.
void Loop::serve_listener(bool here) {
  if (listener_->watching() == here) return;
  if (!here) return listener_->forget();
  pump_->set_slow_calls(SlowCalls::refuse);
  listener_.emplace(io_, handles_.listener);
  watch_listener();
}

void Loop::on_signals() {
  signalfd_siginfo info{};
  while (::read(signals_fd_.get(), &info, sizeof info) == sizeof info) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number != SIGWINCH) {
      forward_signal(number);
    } else if (relay_) {
      relay_->on_window_change();
    }
  }
  watch_signals();
}

// Init passes it on: the app's number means something only in its own pid namespace.
void Loop::forward_signal(int number) {
  const LaunchMessage message{.kind = LaunchMessageKind::signal, .detail = number};
  static_cast<void>(::send(status_.fd(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

// Init's death takes every process of its pid namespace with it.
void Loop::kill_sandbox(EndReason reason) {
  if (!killed_for_) killed_for_ = reason;
  ::syscall(SYS_pidfd_send_signal, handles_.init_pidfd.get(), SIGKILL, nullptr, 0);
}

// The end of what the meter has killed may be told before the meter tells why.
void Loop::finish(const SandboxOutcome& outcome) {
  if (!outcome_) outcome_ = outcome;
  const auto metered = meter_ ? meter_->stop() : std::nullopt;
  if (!killed_for_) killed_for_ = metered;
  if (killed_for_) {
    outcome_->reason = *killed_for_;
    outcome_->exit_status = kKilledStatus;
  }
  io_.stop();
}

}  // namespace

Result<SandboxOutcome> supervise(const SandboxPlan& plan, const SandboxHandles& handles,
                                 AuditSink& audit) {
  YETT_TRY(UniqueFd signals, open_signals());
  const IgnoredPipeSignal no_pipe_signal;
  Loop loop(plan, handles, audit, std::move(signals));
  return loop.run();
}

}  // namespace yett

#include "supervisor/loop/notification_pump.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/scope_exit.hpp"
#include "supervisor/emulate/carry_out.hpp"
#include "supervisor/explain/call_text.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

// A call within this time of the one before belongs to a stream; so many of them make one.
constexpr std::int64_t kQuickNs = 100'000;
constexpr int kStream = 32;
// Fewer answers than this within a tick, and the stream has run dry.
constexpr int kDry = 32;

short poll_listener(BorrowedFd listener) {
  pollfd watched{.fd = listener.get(), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) > 0 ? watched.revents : short{0};
}

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

Snapshot make_snapshot(const seccomp_data& data) {
  Snapshot snapshot{.architecture = data.arch, .call = static_cast<std::uint32_t>(data.nr)};
  std::copy(std::begin(data.args), std::end(data.args), snapshot.arguments.begin());
  return snapshot;
}

// Whether it may be done again when nobody knows how far a supervisor that died had come with it:
// where a second time is the same as the first.
bool is_repeatable(Emulation emulation) {
  switch (emulation) {
    case Emulation::mknod:
    case Emulation::mknodat:
    case Emulation::mount:
    case Emulation::setxattr:
    case Emulation::control:
      return false;
    default:
      return true;
  }
}

// Refusals of one call with one errno and the same telling register are alike. Never 0.
std::uint64_t alike_token(const Snapshot& snapshot, int error) {
  const int telling = PolicyEngine::telling_argument(snapshot.call);
  std::uint64_t token = telling < 0 ? 0 : snapshot.arguments[static_cast<std::size_t>(telling)];
  for (const std::uint64_t part : {std::uint64_t{snapshot.call}, static_cast<std::uint64_t>(error),
                                   std::uint64_t{snapshot.architecture}})
    token = (token ^ part) * 0x9E3779B97F4A7C15U + 1;
  return token | 1;
}

}  // namespace

NotificationPump::NotificationPump(BorrowedFd listener, const SandboxPlan& plan,
                                   std::function<SandboxUsage()> usage, AuditSink& audit,
                                   SlowCalls slow_calls, SlowCallWatch* watch)
    : listener_(listener),
      usage_(std::move(usage)),
      engine_(plan),
      sysinfo_(plan.emulation, usage_),
      control_(plan, usage_),
      audit_(&audit),
      plan_(&plan),
      slow_calls_(slow_calls),
      watch_(watch),
      opener_(plan) {}

Result<PumpState> NotificationPump::run() {
  handed_over_.reset();
  note_pace();
  const ScopeExit own_rights_again([this] { opener_.rights().give_back(); });
  if (const auto ended = answer_left()) return *ended;
  Result<PumpState> state = is_stream() ? answer_stream() : answer_waiting();
  if (end_of_run()) ticker_.stop();  // nobody may come back here for long
  return state;
}

PumpState NotificationPump::answer(PendingNotification pending) {
  const ScopeExit own_rights_again([this] { opener_.rights().give_back(); });
  handle(std::move(pending));
  return end_of_run().value_or(PumpState::busy);
}

std::optional<PumpState> NotificationPump::end_of_run() const {
  if (violated_) return PumpState::violation;
  if (overtaken_) return PumpState::overtaken;
  if (handed_over_) return PumpState::handed_over;
  return std::nullopt;
}

void NotificationPump::note_pace() {
  const std::int64_t now = monotonic_ns();
  quick_calls_ = now - last_run_ns_ < kQuickNs ? std::min(quick_calls_ + 1, kStream) : 0;
  last_run_ns_ = now;
}

bool NotificationPump::is_stream() { return quick_calls_ >= kStream && ticker_.start(); }

std::optional<PumpState> NotificationPump::answer_left() {
  while (has_left()) {
    auto pending = take_left_notification(listener_, *journal_);
    if (pending) handle(*std::move(pending));
    if (const auto ended = end_of_run()) return ended;
  }
  return std::nullopt;
}

// A receive without POLLIN before it could block for ever: the caller of a readable notification
// may leave in between. With POLLIN seen, one receive never blocks, for nobody else receives.
Result<PumpState> NotificationPump::answer_waiting() {
  short events = poll_listener(listener_);
  for (int answered = 0; (events & POLLIN) != 0; ++answered) {
    if (answered == kBatch) return PumpState::busy;
    YETT_TRY(auto pending, receive_notification(listener_, journal_.get()));
    if (pending) handle(*std::move(pending));
    if (const auto ended = end_of_run()) return *ended;
    quick_calls_ = std::min(quick_calls_ + 1, kStream);
    if (is_stream()) return answer_stream();
    events = poll_listener(listener_);
  }
  return state_of(events);
}

// Here the tick bounds the blocking receive, and with it how long other events wait.
Result<PumpState> NotificationPump::answer_stream() {
  int answered = 0;
  while (!ReceiveTicker::ticked()) {
    YETT_TRY(auto pending, receive_notification(listener_, journal_.get()));
    if (!pending) break;
    handle(*std::move(pending));
    if (const auto ended = end_of_run()) return *ended;
    ++answered;
  }
  last_run_ns_ = monotonic_ns();
  if (answered < kDry) {
    quick_calls_ = 0;
    ticker_.stop();
  }
  return state_of(poll_listener(listener_));
}

PumpState NotificationPump::state_of(short events) const {
  if ((events & POLLIN) != 0) return PumpState::busy;
  return (events & (POLLHUP | POLLERR | POLLNVAL)) != 0 ? PumpState::hung_up : PumpState::quiet;
}

// What was received before a swap and is looked at after it is decided by the new plan.
void NotificationPump::take_plan() {
  if (!plans_ || plans_->generation() == generation_) return;
  PlanSlot::Plan plan = plans_->current(generation_);
  if (!plan) return;
  plan_ = plan.get();
  engine_ = PolicyEngine(*plan);
  sysinfo_ = SysinfoEmulator(plan->emulation, usage_);
  control_ = ControlCalls(*plan, usage_);
  control_.set_manager(manager_);
  audit_->note_policy(plan->policy_file.empty() ? plan->policy_name : plan->policy_file);
  swapped_ = std::move(plan);
}

// Two looks at the clock for each call, and none where nobody is told. What is handed over is
// answered, and counted, by another pump.
void NotificationPump::handle(PendingNotification pending) {
  const std::int64_t began = times_ ? monotonic_ns() : 0;
  const CallKind kind = answer_as_decided(std::move(pending));
  if (times_ && !handed_over_)
    times_->count(kind, std::chrono::nanoseconds(monotonic_ns() - began));
}

CallKind NotificationPump::answer_as_decided(PendingNotification pending) {
  take_plan();
  const Snapshot snapshot = make_snapshot(pending.data());
  if (pending.is_beyond_repeating()) {
    answer_with(std::move(pending), snapshot, {.error = EIO});
    return CallKind::refused;
  }
  const Verdict verdict = engine_.decide(snapshot);
  const bool is_command = verdict.emulation == Emulation::control;
  if (verdict.emulation != Emulation::open) opener_.rights().give_back();
  if (verdict.kind == VerdictKind::allow) {
    let_run(std::move(pending), verdict);
    return CallKind::let_run;
  }
  if (verdict.kind == VerdictKind::broker) {
    lend(std::move(pending), snapshot, verdict.lent);
    return CallKind::lent;
  }
  if (verdict.emulation == Emulation::open || (is_command && control_.wants_file(pending.data()))) {
    open_file(std::move(pending), snapshot);
    return CallKind::opened;
  }
  if (verdict.emulation == Emulation::redirect) {
    redirect(std::move(pending), snapshot);
    return CallKind::redirected;
  }
  if (verdict.kind == VerdictKind::emulate) {
    carry_out(std::move(pending), snapshot, verdict);
    return is_command ? CallKind::control : CallKind::emulated;
  }
  refuse(std::move(pending), snapshot, verdict);
  return CallKind::refused;
}

void NotificationPump::let_run(PendingNotification pending, const Verdict& verdict) {
  if (verdict.counted) return admit(std::move(pending), verdict);
  static_cast<void>(pending.continue_by_registers());
}

// Nothing is recorded: programs that reach their limit ask again and again.
void NotificationPump::admit(PendingNotification pending, const Verdict& verdict) {
  const auto let_run = [&pending] { static_cast<void>(pending.continue_by_registers()); };
  const bool room = admit_task_ && admit_task_(static_cast<int>(pending.thread_id()), let_run);
  if (!room) static_cast<void>(pending.answer_error(verdict.error));
}

// The first of alike refusals is recorded before the answer, while the target still waits and can
// be looked at; those that follow are only counted.
void NotificationPump::refuse(PendingNotification pending, const Snapshot& snapshot,
                              const Verdict& verdict) {
  const std::uint64_t token = alike_token(snapshot, verdict.error);
  if (!audit_->repeat(token)) record(pending, snapshot, verdict.error, token);
  violated_ = plan_->violation == ViolationAction::kill;
  static_cast<void>(pending.answer_error(verdict.error));  // a target that left needs no answer
}

void NotificationPump::carry_out(PendingNotification pending, const Snapshot& snapshot,
                                 const Verdict& verdict) {
  if (slow_calls_ == SlowCalls::hand_over) {
    handed_over_.emplace(std::move(pending));
    return;
  }
  if (slow_calls_ == SlowCalls::refuse)
    return answer_with(std::move(pending), snapshot, {.error = EIO});
  if (verdict.emulation == Emulation::sysinfo) sysinfo_.refresh();
  budget_->wait_for(snapshot, verdict.emulation);
  if (verdict.emulation == Emulation::control) control_.refresh();
  if (watch_ != nullptr) watch_->begin(pending);
  if (!is_repeatable(verdict.emulation)) pending.note_half_done();
  const CallAnswer answer = perform(pending, verdict.emulation);
  std::unique_lock<std::mutex> held;
  if (watch_ != nullptr) {
    held = watch_->end();
    overtaken_ = watch_->overtaken() || !held;
    if (!held) return;
  }
  if (!answer.logged.empty()) record_logged(pending, answer.logged);
  answer_with(std::move(pending), snapshot, answer);
}

CallAnswer NotificationPump::perform(const PendingNotification& pending,
                                     Emulation emulation) const {
  return emulation == Emulation::control
             ? control_.answer(pending)
             : carry_out_emulation(pending, emulation, *plan_, sysinfo_);
}

void NotificationPump::refuse_slow(PendingNotification pending) {
  const Snapshot snapshot = make_snapshot(pending.data());
  answer_with(std::move(pending), snapshot, {.error = EIO});
}

void NotificationPump::answer_with(PendingNotification pending, const Snapshot& snapshot,
                                   const CallAnswer& answer) {
  const int error = answer.error;
  if (error == EPERM || error == EIO) {
    const std::uint64_t token = alike_token(snapshot, error);
    if (!audit_->repeat(token)) record(pending, snapshot, error, token);
  }
  static_cast<void>(error == 0 ? pending.answer_value(answer.value) : pending.answer_error(error));
}

void NotificationPump::record(const PendingNotification& pending, const Snapshot& snapshot,
                              int error, std::uint64_t token) {
  // A call that ends the sandbox has no end of its own for the tracer to see.
  if (plan_->traced && plan_->violation != ViolationAction::kill) return;
  audit_->record(AuditRecord{.sandbox = plan_->sandbox,
                             .pid = static_cast<std::int32_t>(pending.thread_id()),
                             .comm = read_comm(pending),
                             .plane = plane_name(Plane::supervisor),
                             .call = engine_.call_name(snapshot.call),
                             .object = PolicyEngine::object_text(snapshot),
                             .rule = engine_.rule_text(snapshot),
                             .verdict = VerdictKind::deny,
                             .error = error,
                             .mend = engine_.mend_text(snapshot),
                             .arguments = call_text(engine_.call_name(snapshot.call), snapshot)},
                 token);
}

// SECURITY(own-words): what a program says is marked as its own, and said of no plane's decision.
void NotificationPump::record_logged(const PendingNotification& pending, std::string words) {
  audit_->record(AuditRecord{.sandbox = plan_->sandbox,
                             .pid = static_cast<std::int32_t>(pending.thread_id()),
                             .comm = read_comm(pending),
                             .plane = plane_name(Plane::supervisor),
                             .call = "YETT_LOG",
                             .object = std::move(words),
                             .rule = "the program's own words",
                             .verdict = VerdictKind::allow,
                             .mend = {}});
}

}  // namespace yett

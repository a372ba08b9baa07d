#include "supervisor/loop/notification_pump.hpp"

#include <poll.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

// A target that makes one notified call soon makes the next: waiting for it here saves the way
// through the event loop. Other events wait at most this long, times nothing: one linger that
// ends empty ends the run.
constexpr long kLingerNs = 50'000;

short poll_listener(BorrowedFd listener, long timeout_ns) {
  pollfd watched{.fd = listener.get(), .events = POLLIN, .revents = 0};
  const timespec timeout{.tv_sec = 0, .tv_nsec = timeout_ns};
  return ::ppoll(&watched, 1, &timeout, nullptr) > 0 ? watched.revents : short{0};
}

Snapshot make_snapshot(const seccomp_data& data) {
  Snapshot snapshot{.architecture = data.arch, .call = static_cast<std::uint32_t>(data.nr)};
  std::copy(std::begin(data.args), std::end(data.args), snapshot.arguments.begin());
  return snapshot;
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
                                   std::function<SandboxUsage()> usage, AuditSink& audit)
    : listener_(listener),
      engine_(plan),
      sysinfo_(plan.emulation, std::move(usage)),
      audit_(&audit),
      plan_(&plan) {}

// A receive without POLLIN before it could block for ever: the caller of a readable notification
// may leave in between. With POLLIN seen, one receive never blocks, for nobody else receives.
Result<PumpState> NotificationPump::run() {
  short events = poll_listener(listener_, 0);
  for (int answered = 0; (events & POLLIN) != 0; ++answered) {
    if (answered == kBatch) return PumpState::busy;
    YETT_TRY(auto pending, receive_notification(listener_));
    if (pending) handle(*std::move(pending));
    if (violated_) return PumpState::violation;
    events = poll_listener(listener_, kLingerNs);
  }
  return (events & (POLLHUP | POLLERR | POLLNVAL)) != 0 ? PumpState::hung_up : PumpState::quiet;
}

void NotificationPump::handle(PendingNotification pending) {
  const Snapshot snapshot = make_snapshot(pending.data());
  const Verdict verdict = engine_.decide(snapshot);
  if (verdict.kind == VerdictKind::emulate)
    carry_out(std::move(pending), snapshot, verdict);
  else
    refuse(std::move(pending), snapshot, verdict);
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
  const int error = emulate(pending, verdict.emulation);
  if (error == EPERM || error == EIO) {
    const std::uint64_t token = alike_token(snapshot, error);
    if (!audit_->repeat(token)) record(pending, snapshot, error, token);
  }
  static_cast<void>(error == 0 ? pending.answer_value(0) : pending.answer_error(error));
}

int NotificationPump::emulate(const PendingNotification& pending, Emulation emulation) {
  switch (emulation) {
    case Emulation::sysinfo:
      return sysinfo_.emulate(pending);
    case Emulation::setrlimit:
      return emulate_setrlimit(pending);
    case Emulation::prlimit64:
      return emulate_prlimit64(pending);
    case Emulation::none:
      break;
  }
  return EPERM;
}

void NotificationPump::record(const PendingNotification& pending, const Snapshot& snapshot,
                              int error, std::uint64_t token) {
  audit_->record(AuditRecord{.sandbox = plan_->sandbox,
                             .pid = static_cast<std::int32_t>(pending.thread_id()),
                             .comm = read_comm(pending),
                             .plane = plane_name(Plane::supervisor),
                             .call = engine_.call_name(snapshot.call),
                             .object = PolicyEngine::object_text(snapshot),
                             .rule = engine_.rule_text(snapshot),
                             .verdict = VerdictKind::deny,
                             .error = error,
                             .mend = engine_.mend_text(snapshot)},
                 token);
}

}  // namespace yett

// The pump's calls that are answered with sockets of another network.
#include <cerrno>
#include <functional>
#include <string>
#include <utility>

#include "supervisor/loop/notification_pump.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

// Refusals of one call at one endpoint are alike. Never 0.
std::uint64_t lent_token(const Snapshot& snapshot, const LentAnswer& answer) {
  const std::uint64_t call = snapshot.call * 4096U + static_cast<std::uint64_t>(answer.error);
  return (std::hash<std::string>{}(answer.endpoint) ^ call * 0x9E3779B97F4A7C15U) | 1;
}

// Landlock's rules speak of ports alone.
std::string listen_mend(const std::string& endpoint, const BrokerPlan& broker) {
  if (endpoint.ends_with(":0")) return {};
  const std::string port = endpoint.substr(endpoint.rfind(':'));
  return "network.listen += [\"" + (broker.listens ? "tcp://*" + port : endpoint) + "\"]";
}

}  // namespace

// It waits for the process that makes sockets, and for the target to take one: as long as either
// likes, so it is watched as a call in the target's memory is.
void NotificationPump::lend(PendingNotification pending, const Snapshot& snapshot, LentCall call) {
  if (slow_calls_ == SlowCalls::hand_over) {
    handed_over_.emplace(std::move(pending));
    return;
  }
  if (slow_calls_ == SlowCalls::refuse)
    return answer_lent(std::move(pending), snapshot, {.error = EIO});
  if (watch_ != nullptr) watch_->begin(pending);
  const LentAnswer answer = lend_now(pending, call);
  std::unique_lock<std::mutex> held;
  if (watch_ != nullptr) {
    held = watch_->end();
    overtaken_ = watch_->overtaken() || !held;
    if (!held) return;
  }
  if (!answer.answered) answer_lent(std::move(pending), snapshot, answer);
}

LentAnswer NotificationPump::lend_now(PendingNotification& pending, LentCall call) {
  if (!lender_ || call == LentCall::none) return {.error = EPERM};
  if (call == LentCall::socket) return lender_->socket(pending);
  return lender_->listen(pending,
                         plan_->broker.listens ? plan_->broker.listen : plan_->cgroup_bpf.listen);
}

void NotificationPump::answer_lent(PendingNotification pending, const Snapshot& snapshot,
                                   const LentAnswer& answer) {
  if (answer.error == EPERM || answer.error == EIO) record_lent(pending, snapshot, answer);
  if (!answer.endpoint.empty()) violated_ = plan_->violation == ViolationAction::kill;
  static_cast<void>(answer.error == 0 ? pending.answer_value(0)
                                      : pending.answer_error(answer.error));
}

void NotificationPump::record_lent(const PendingNotification& pending, const Snapshot& snapshot,
                                   const LentAnswer& answer) {
  const std::uint64_t token = lent_token(snapshot, answer);
  if (audit_->repeat(token)) return;
  if (answer.endpoint.empty()) return record(pending, snapshot, answer.error, token);
  audit_->record(AuditRecord{.sandbox = plan_->sandbox,
                             .pid = static_cast<std::int32_t>(pending.thread_id()),
                             .comm = read_comm(pending),
                             .plane = plane_name(Plane::supervisor),
                             .call = engine_.call_name(snapshot.call),
                             .object = answer.endpoint,
                             .rule = "network.listen",
                             .verdict = VerdictKind::deny,
                             .error = answer.error,
                             .mend = listen_mend(answer.endpoint, plan_->broker)},
                 token);
}

}  // namespace yett

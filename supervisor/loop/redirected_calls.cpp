// The pump's calls that name files, where writing goes to a tree of changes.
#include <cerrno>
#include <utility>

#include "supervisor/loop/notification_pump.hpp"

namespace yett {

// It waits for the target's memory, and for files.
void NotificationPump::redirect(PendingNotification pending, const Snapshot& snapshot) {
  if (slow_calls_ == SlowCalls::hand_over) {
    handed_over_.emplace(std::move(pending));
    return;
  }
  if (slow_calls_ == SlowCalls::refuse || !redirector_)
    return answer_with(std::move(pending), snapshot, {.error = EIO});
  if (watch_ != nullptr) watch_->begin(pending);
  RedirectAnswer answer = redirector_->answer(pending, *plan_);
  if (answer.kind == RedirectAnswer::Kind::steered) steer(pending, answer.call);
  std::unique_lock<std::mutex> held;
  if (watch_ != nullptr) {
    held = watch_->end();
    overtaken_ = watch_->overtaken() || !held;
    if (!held) return;
  }
  switch (answer.kind) {
    case RedirectAnswer::Kind::let_run:
      static_cast<void>(pending.continue_under_landlock());
      return;
    case RedirectAnswer::Kind::steered:
      return;
    case RedirectAnswer::Kind::file:
      return give_redirected(std::move(pending), snapshot, answer);
    case RedirectAnswer::Kind::value:
      return answer_with(std::move(pending), snapshot,
                         {.error = answer.error, .value = answer.value});
  }
}

void NotificationPump::give_redirected(PendingNotification pending, const Snapshot& snapshot,
                                       RedirectAnswer& answer) {
  const Status given = pending.answer_fd(answer.file.borrow(), answer.close_on_exec);
  if (given || given.error().kind == ErrorKind::target_gone) return;
  answer_with(std::move(pending), snapshot,
              {.error = given.error().sys_errno == EMFILE ? EMFILE : EIO});
}

}  // namespace yett

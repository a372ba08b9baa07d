// The pump's opens on the target's behalf, and those that become questions.
#include <sys/syscall.h>

#include <cerrno>
#include <utility>

#include "supervisor/explain/call_text.hpp"
#include "supervisor/loop/notification_pump.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

bool is_command(const Snapshot& snapshot) { return snapshot.call == SYS_ioctl; }

}  // namespace

Asker NotificationPump::asker_of(const PendingNotification& pending,
                                 const Snapshot& snapshot) const {
  return {.pid = static_cast<std::int32_t>(pending.thread_id()),
          .comm = read_comm(pending),
          .call = engine_.call_name(snapshot.call),
          .arguments = call_text(engine_.call_name(snapshot.call), snapshot)};
}

// A file can keep us waiting, as the target's memory can.
void NotificationPump::open_file(PendingNotification pending, const Snapshot& snapshot) {
  if (slow_calls_ == SlowCalls::hand_over) {
    handed_over_.emplace(std::move(pending));
    return;
  }
  if (slow_calls_ == SlowCalls::refuse)
    return answer_with(std::move(pending), snapshot, {.error = EIO});
  if (watch_ != nullptr) watch_->begin(pending);
  OpenedFile opened = is_command(snapshot) ? control_.wanted_file(pending) : opener_.open(pending);
  std::optional<AskedFile> asked = open_now(pending, opened);
  std::optional<Asker> asker;
  if (asked && (opened.error != 0 || !desk_->repeats_remembered(*asked)))
    asker = asker_of(pending, snapshot);
  std::unique_lock<std::mutex> held;
  if (watch_ != nullptr) {
    held = watch_->end();
    overtaken_ = watch_->overtaken() || !held;
    if (!held) return;
  }
  if (asked && opened.error != 0)
    return desk_->ask(std::move(pending), *std::move(asked), *std::move(asker));
  if (asker) desk_->note_remembered(*asked, *asker);
  if (opened.error != 0) answer_with(std::move(pending), snapshot, {.error = opened.error});
}

// What could be opened, or what was allowed for good, is the target's then. With an error left and
// a file that is asked for: a question.
std::optional<AskedFile> NotificationPump::open_now(PendingNotification& pending,
                                                    OpenedFile& opened) {
  std::optional<AskedFile> asked;
  if (opened.error != 0 && desk_) asked = find_asked_file(*plan_, opened, opener_.rights());
  const BorrowedFd shown = asked ? desk_->remembered(*asked, opener_.rights()) : BorrowedFd();
  if (shown.valid()) {
    auto file = open_asked_file(plan_->identity, shown, *asked, opener_.rights());
    if (file) opened.file = *std::move(file);
  }
  if (!opened.file.valid()) return asked;
  const Status given =
      pending.answer_fd(opened.file.borrow(), close_on_exec_of(opened.wanted.flags));
  const bool is_over = given || given.error().kind == ErrorKind::target_gone;
  opened.error = is_over ? 0 : given.error().sys_errno == EMFILE ? EMFILE : EIO;
  if (opened.error != 0) asked.reset();
  return asked;
}

}  // namespace yett

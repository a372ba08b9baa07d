// One trapped call: a debt. Answered exactly once; dropped unanswered, it answers EPERM, so that
// each early return and each forgotten branch fails closed. Source: seccomp_unotify(2).
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/notify/call_journal.hpp"

namespace yett {

enum class CloseOnExec { no, yes };

class PendingNotification {
 public:
  // `slot`: where it is journalled, freed when the debt is paid; null: nowhere.
  PendingNotification(BorrowedFd listener, const seccomp_notif& notification,
                      CallJournal::Slot* slot = nullptr)
      : listener_(listener), notification_(notification), slot_(slot) {}
  PendingNotification(PendingNotification&& other) noexcept;
  PendingNotification& operator=(PendingNotification&&) = delete;
  PendingNotification(const PendingNotification&) = delete;
  PendingNotification& operator=(const PendingNotification&) = delete;
  ~PendingNotification();

  [[nodiscard]] const seccomp_data& data() const { return notification_.data; }
  // As the kernel gave it: with it somebody else can answer when the holder is stuck. The kernel
  // takes one answer; who comes second finds the target gone.
  [[nodiscard]] const seccomp_notif& notification() const { return notification_; }
  [[nodiscard]] std::uint32_t thread_id() const {
    return notification_.pid;
  }  // 0: not visible to us
  // SECCOMP_IOCTL_NOTIF_ID_VALID: ask after opening the target's memory or files, and again before
  // acting.
  [[nodiscard]] bool still_valid() const;

  // A supervisor that is no more had begun it, and it is not to be done again.
  [[nodiscard]] bool is_beyond_repeating() const;
  // Before the first thing that would not be the same if it were done once more.
  void note_half_done() const;

  // The same debt through another descriptor of the same listener, which outlives it.
  [[nodiscard]] PendingNotification through(BorrowedFd listener) &&;

  // The first two consume the debt. target_gone when the target left meanwhile: a normal ending.
  [[nodiscard]] Status answer_error(int error_number);
  [[nodiscard]] Status answer_value(std::int64_t value);
  // The call runs as the kernel would have let it run: continue_by_registers.cpp says when that may
  // be said. Consumes the debt.
  [[nodiscard]] Status continue_by_registers();
  // The same, of a call that Landlock holds in any case. Consumes the debt.
  [[nodiscard]] Status continue_under_landlock();
  // A copy of `fd` at the target's lowest free number, which is the call's result. Waits until the
  // target has taken it. The debt is still owed after a failure, but for target_gone: sys_errno
  // EMFILE, the target has no number free.
  [[nodiscard]] Status answer_fd(BorrowedFd fd, CloseOnExec close_on_exec);

 private:
  friend std::optional<PendingNotification> take_left_notification(BorrowedFd listener,
                                                                   CallJournal& journal);
  [[nodiscard]] Status send(std::int32_t error, std::int64_t value, std::uint32_t flags = 0);
  void settle();

  BorrowedFd listener_;
  seccomp_notif notification_{};
  CallJournal::Slot* slot_ = nullptr;
  bool owed_ = true;
};

// The listener end: receives one notification, or nothing when the target left before it could be
// read. With a journal, straight into it; nothing, too, while it is full.
[[nodiscard]] Result<std::optional<PendingNotification>> receive_notification(
    BorrowedFd listener, CallJournal* journal = nullptr);

// One that a supervisor which is no more has received, and whose target still waits.
[[nodiscard]] std::optional<PendingNotification> take_left_notification(BorrowedFd listener,
                                                                        CallJournal& journal);

// SECCOMP_IOCTL_NOTIF_SET_FLAGS with SYNC_WAKE_UP (6.6 and later): worth 10 us a call. Best effort.
void enable_sync_wake_up(BorrowedFd listener);

}  // namespace yett

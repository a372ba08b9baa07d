// One trapped call: a debt. Answered exactly once; dropped unanswered, it answers EPERM, so that
// each early return and each forgotten branch fails closed. Source: seccomp_unotify(2).
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class CloseOnExec { no, yes };

class PendingNotification {
 public:
  PendingNotification(BorrowedFd listener, const seccomp_notif& notification)
      : listener_(listener), notification_(notification) {}
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

  // The same debt through another descriptor of the same listener, which outlives it.
  [[nodiscard]] PendingNotification through(BorrowedFd listener) &&;

  // The first two consume the debt. target_gone when the target left meanwhile: a normal ending.
  [[nodiscard]] Status answer_error(int error_number);
  [[nodiscard]] Status answer_value(std::int64_t value);
  // The call runs as the kernel would have let it run: continue_by_registers.cpp says when that may
  // be said. Consumes the debt.
  [[nodiscard]] Status continue_by_registers();
  // A copy of `fd` at the target's lowest free number, which is the call's result. Waits until the
  // target has taken it. The debt is still owed after a failure, but for target_gone: sys_errno
  // EMFILE, the target has no number free.
  [[nodiscard]] Status answer_fd(BorrowedFd fd, CloseOnExec close_on_exec);

 private:
  [[nodiscard]] Status send(std::int32_t error, std::int64_t value, std::uint32_t flags = 0);
  BorrowedFd listener_;
  seccomp_notif notification_{};
  bool owed_ = true;
};

// The listener end: receives one notification, or nothing when the target left before it could be
// read.
[[nodiscard]] Result<std::optional<PendingNotification>> receive_notification(BorrowedFd listener);

// SECCOMP_IOCTL_NOTIF_SET_FLAGS with SYNC_WAKE_UP (6.6 and later): worth 10 us a call. Best effort.
void enable_sync_wake_up(BorrowedFd listener);

}  // namespace yett

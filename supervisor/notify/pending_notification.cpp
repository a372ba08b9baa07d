#include "supervisor/notify/pending_notification.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "ioctl_uapi/uapi_fallback.h"

namespace yett {
namespace {

// A later kernel may append fields to struct seccomp_notif: it copies its own size, and insists
// that all of it is zero beforehand.
constexpr std::size_t kLargestNotification = 512;

std::size_t kernel_notification_size() {
  static const std::size_t size = [] {
    seccomp_notif_sizes sizes{};
    if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) return std::size_t{0};
    return std::size_t{sizes.seccomp_notif};
  }();
  return size;
}

}  // namespace

PendingNotification::PendingNotification(PendingNotification&& other) noexcept
    : listener_(other.listener_), notification_(other.notification_), owed_(other.owed_) {
  other.owed_ = false;
}

PendingNotification PendingNotification::through(BorrowedFd listener) && {
  owed_ = false;
  return PendingNotification(listener, notification_);
}

// SECURITY(fail-closed): a call that nobody decided is refused.
PendingNotification::~PendingNotification() {
  if (owed_) static_cast<void>(send(-EPERM, 0));
}

bool PendingNotification::still_valid() const {
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &notification_.id) == 0;
}

// An answer of "error 0" would read as success: a caller's mistake must not become a permission.
Status PendingNotification::answer_error(int error_number) {
  return send(error_number > 0 ? -error_number : -EPERM, 0);
}

Status PendingNotification::answer_value(std::int64_t value) { return send(0, value); }

// Not in one step (SECCOMP_ADDFD_FLAG_SEND): when a signal, also SIGSTOP or SIGKILL, takes us out
// of that call before the target has come to take the descriptor, the kernel lets the target's call
// return 0, and 0 is a descriptor. This one is done whole or not at all, so it may be repeated.
Status PendingNotification::answer_fd(BorrowedFd fd, CloseOnExec close_on_exec) {
  seccomp_notif_addfd added{};
  added.id = notification_.id;
  added.srcfd = static_cast<__u32>(fd.get());
  added.newfd_flags = close_on_exec == CloseOnExec::yes ? O_CLOEXEC : 0;
  int given = -1;
  do {
    given = ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &added);
  } while (given < 0 && errno == EINTR);
  if (given >= 0) return send(0, given);
  Error failure = errno_error("give a descriptor to the target");
  if (failure.sys_errno == ENOENT) {
    owed_ = false;
    failure.kind = ErrorKind::target_gone;
  }
  return fail(std::move(failure));
}

// SECURITY(no-continue): flags stay 0, but for one caller in a file of its own.
Status PendingNotification::send(std::int32_t error, std::int64_t value, std::uint32_t flags) {
  if (!owed_) return fail(Error{.operation = "answer notification", .detail = "answered twice"});
  owed_ = false;
  seccomp_notif_resp response{};
  response.id = notification_.id;
  response.error = error;
  response.val = value;
  response.flags = flags;
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) == 0) return {};
  Error failure = errno_error("answer notification");
  if (failure.sys_errno == ENOENT) failure.kind = ErrorKind::target_gone;
  return fail(std::move(failure));
}

Result<std::optional<PendingNotification>> receive_notification(BorrowedFd listener) {
  alignas(seccomp_notif) std::array<std::byte, kLargestNotification> buffer;
  const std::size_t size = std::max(kernel_notification_size(), sizeof(seccomp_notif));
  if (size > buffer.size())
    return fail(host_error("receive notification",
                           "this kernel's struct seccomp_notif has " + std::to_string(size) +
                               " bytes, more than this program knows",
                           "use a newer yett"));
  std::memset(buffer.data(), 0, size);
  if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, buffer.data()) != 0) {
    if (errno == ENOENT || errno == EINTR) return std::nullopt;
    return fail(errno_error("receive notification"));
  }
  seccomp_notif notification{};
  std::memcpy(&notification, buffer.data(), sizeof notification);
  return PendingNotification(listener, notification);
}

void enable_sync_wake_up(BorrowedFd listener) {
  static_cast<void>(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                            static_cast<unsigned long>(SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)));
}

}  // namespace yett

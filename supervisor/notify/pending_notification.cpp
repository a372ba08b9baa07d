#include "supervisor/notify/pending_notification.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "ioctl_uapi/uapi_fallback.h"
#include "supervisor/notify/target_fd.hpp"

namespace yett {
namespace {

// SECURITY(poison-call): a call that so many supervisors died over is refused unseen, or a program
// that has found one which kills them would have it tried again and again.
constexpr std::uint32_t kMostLosses = 3;

std::size_t kernel_notification_size() {
  static const std::size_t size = [] {
    seccomp_notif_sizes sizes{};
    if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) return std::size_t{0};
    return std::size_t{sizes.seccomp_notif};
  }();
  return size;
}

// 0: it is no socket.
std::uint64_t socket_inode(BorrowedFd fd) {
  struct stat status{};
  return ::fstat(fd.get(), &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

}  // namespace

PendingNotification::PendingNotification(PendingNotification&& other) noexcept
    : listener_(other.listener_),
      notification_(other.notification_),
      slot_(std::exchange(other.slot_, nullptr)),
      owed_(std::exchange(other.owed_, false)) {}

PendingNotification PendingNotification::through(BorrowedFd listener) && {
  owed_ = false;
  return PendingNotification(listener, notification_, std::exchange(slot_, nullptr));
}

bool PendingNotification::is_beyond_repeating() const {
  if (slot_ == nullptr || slot_->losses() == 0) return false;
  return slot_->losses() >= kMostLosses || slot_->is_half_done();
}

void PendingNotification::note_half_done() const {
  if (slot_ != nullptr) slot_->note_half_done();
}

void PendingNotification::settle() {
  owed_ = false;
  if (slot_ != nullptr) std::exchange(slot_, nullptr)->release();
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
  if (slot_ != nullptr) slot_->note_giving(socket_inode(fd));
  int given = -1;
  do {
    given = ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &added);
  } while (given < 0 && errno == EINTR);
  if (given >= 0) {
    if (slot_ != nullptr) slot_->note_given(given);
    return send(0, given);
  }
  Error failure = errno_error("give a descriptor to the target");
  if (failure.sys_errno == ENOENT) {
    settle();
    failure.kind = ErrorKind::target_gone;
  }
  return fail(std::move(failure));
}

// SECURITY(no-continue): flags stay 0, but for one caller in a file of its own.
Status PendingNotification::send(std::int32_t error, std::int64_t value, std::uint32_t flags) {
  if (!owed_) return fail(Error{.operation = "answer notification", .detail = "answered twice"});
  seccomp_notif_resp response{};
  response.id = notification_.id;
  response.error = error;
  response.val = value;
  response.flags = flags;
  const int result = ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
  const int error_number = errno;
  settle();
  if (result == 0) return {};
  Error failure = errno_error(error_number, "answer notification");
  if (failure.sys_errno == ENOENT) failure.kind = ErrorKind::target_gone;
  return fail(std::move(failure));
}

namespace {

// False: there was none.
Result<bool> receive_into(BorrowedFd listener, std::span<std::byte> buffer) {
  const std::size_t size = std::max(kernel_notification_size(), sizeof(seccomp_notif));
  if (size > buffer.size())
    return fail(host_error("receive notification",
                           "this kernel's struct seccomp_notif has " + std::to_string(size) +
                               " bytes, more than this program knows",
                           "use a newer yett"));
  std::memset(buffer.data(), 0, size);
  if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, buffer.data()) == 0) return true;
  if (errno == ENOENT || errno == EINTR) return false;
  return fail(errno_error("receive notification"));
}

Result<std::optional<PendingNotification>> receive_journalled(BorrowedFd listener,
                                                              CallJournal& journal) {
  CallJournal::Slot* slot = journal.claim();
  if (slot == nullptr) return std::nullopt;
  const Result<bool> received = receive_into(listener, slot->bytes());
  if (received && *received) return PendingNotification(listener, slot->notification(), slot);
  slot->release();
  if (!received) return fail(received.error());
  return std::nullopt;
}

}  // namespace

Result<std::optional<PendingNotification>> receive_notification(BorrowedFd listener,
                                                                CallJournal* journal) {
  if (journal != nullptr) return receive_journalled(listener, *journal);
  alignas(seccomp_notif) std::array<std::byte, CallJournal::kLargestNotification> buffer;
  YETT_TRY(const bool received, receive_into(listener, buffer));
  if (!received) return std::nullopt;
  seccomp_notif notification{};
  std::memcpy(&notification, buffer.data(), sizeof notification);
  return PendingNotification(listener, notification);
}

namespace {

// Where the caller has what it was given, if it was; the one who gave it may have died before it
// knew. Nothing is known so of files: the caller may have had the same one open before.
std::optional<int> find_given(const PendingNotification& pending, const CallJournal::Slot& slot) {
  if (slot.given() >= 0) return slot.given();
  if (slot.giving() == 0) return std::nullopt;
  return find_target_socket(pending, slot.giving());
}

}  // namespace

// What was answered, or whose target left, is nobody's any more. Who was given a descriptor is told
// its number, and is not given another.
std::optional<PendingNotification> take_left_notification(BorrowedFd listener,
                                                          CallJournal& journal) {
  while (CallJournal::Slot* slot = journal.next_left()) {
    PendingNotification pending(listener, slot->notification(), slot);
    if (!pending.still_valid()) {
      pending.settle();
      continue;
    }
    const std::optional<int> given = find_given(pending, *slot);
    if (!given) return pending;
    static_cast<void>(pending.answer_value(*given));
  }
  return std::nullopt;
}

void enable_sync_wake_up(BorrowedFd listener) {
  static_cast<void>(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                            static_cast<unsigned long>(SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)));
}

}  // namespace yett

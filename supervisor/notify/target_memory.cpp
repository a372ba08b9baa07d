#include "supervisor/notify/target_memory.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace yett {
namespace {

constexpr std::size_t kPage = 4096;

Error gone() {
  return Error{.kind = ErrorKind::target_gone, .sys_errno = ESRCH, .operation = "target memory"};
}

// A short count means that a later page was missing.
Status check_transfer(ssize_t transferred, std::size_t wanted) {
  if (transferred >= 0 && static_cast<std::size_t>(transferred) == wanted) return {};
  const int error_number = transferred >= 0 ? EFAULT : errno;
  return fail(errno_error(error_number, "target memory"));
}

iovec remote_range(std::uint64_t address, std::size_t size) {
  return {reinterpret_cast<void*>(address), size};
}

}  // namespace

Status copy_target(const PendingNotification& pending, std::uint64_t address,
                   std::span<std::byte> into) {
  const iovec local{into.data(), into.size()};
  const iovec remote = remote_range(address, into.size());
  const ssize_t count =
      ::process_vm_readv(static_cast<pid_t>(pending.thread_id()), &local, 1, &remote, 1, 0);
  return check_transfer(count, into.size());
}

Status read_target(const PendingNotification& pending, std::uint64_t address,
                   std::span<std::byte> into) {
  const Status transferred = copy_target(pending, address, into);
  // SECURITY(copy-once): valid now means that the thread id meant our thread all along.
  if (!pending.still_valid()) return fail(gone());
  return transferred;
}

Status write_target(const PendingNotification& pending, std::uint64_t address,
                    std::span<const std::byte> from) {
  const iovec local{const_cast<std::byte*>(from.data()), from.size()};
  const iovec remote = remote_range(address, from.size());
  if (!pending.still_valid()) return fail(gone());
  const ssize_t count =
      ::process_vm_writev(static_cast<pid_t>(pending.thread_id()), &local, 1, &remote, 1, 0);
  return check_transfer(count, from.size());
}

// Page by page: a string may end just before a page that is not there.
std::string read_target_text(const PendingNotification& pending, std::uint64_t address,
                             std::size_t limit) {
  std::string text;
  std::array<std::byte, kPage> page;
  while (text.size() < limit) {
    const std::size_t to_page_end = kPage - static_cast<std::size_t>(address % kPage);
    const std::size_t size = std::min(to_page_end, limit - text.size());
    if (!read_target(pending, address, std::span(page).first(size))) return {};
    const char* bytes = reinterpret_cast<const char*>(page.data());
    const std::size_t length = ::strnlen(bytes, size);
    text.append(bytes, length);
    if (length < size) return text;
    address += size;
  }
  return text;
}

}  // namespace yett

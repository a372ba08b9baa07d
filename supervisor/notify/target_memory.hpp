// The memory of a thread that waits in a trapped call. Each range is copied once; what is decided
// and done is decided and done on the copy. Source: process_vm_readv(2), seccomp_unotify(2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// Both go by the page protections of the target, as the kernel would in the call itself; writing
// through /proc/PID/mem would not, and would let a target change pages that it may only read.
// Errors: sys_errno EFAULT as the kernel would give it; kind target_gone when the target left;
// anything else is ours (EPERM: the target's credentials or dumpability forbid it).

// Fills `into` whole. Race-free: the notification is checked after the copy, so the thread that
// was read is the one that waits.
[[nodiscard]] Status read_target(const PendingNotification& pending, std::uint64_t address,
                                 std::span<std::byte> into);

// The same without the check, which the caller owes before anything comes of what was copied.
[[nodiscard]] Status copy_target(const PendingNotification& pending, std::uint64_t address,
                                 std::span<std::byte> into);

// Writes all of `from`. The notification is checked just before. What happens when the thread dies
// and its number is taken within the two calls: the caller's credentials bound it, see
// SandboxIdentity in supervisor/emulate.
[[nodiscard]] Status write_target(const PendingNotification& pending, std::uint64_t address,
                                  std::span<const std::byte> from);

// The string at `address`, cut at `limit` bytes, for records only. Empty when it cannot be read.
[[nodiscard]] std::string read_target_text(const PendingNotification& pending,
                                           std::uint64_t address, std::size_t limit);

}  // namespace yett

// A descriptor of a process that waits in a trapped call.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// A copy of the caller's descriptor `number`: the same open file description, whatever the target
// does to the number afterwards. Checked against reuse of the thread's number. Source:
// pidfd_getfd(2). Errors: sys_errno EBADF as the kernel would give it; kind target_gone; else ours.
[[nodiscard]] Result<UniqueFd> copy_target_fd(const PendingNotification& pending, int number);

// The caller's number of the socket with this inode number, which no other socket has: the lowest,
// where there are several. Nothing: it has none, or /proc cannot be read.
[[nodiscard]] std::optional<int> find_target_socket(const PendingNotification& pending,
                                                    std::uint64_t inode);

}  // namespace yett

// One message of a socket, with descriptors by SCM_RIGHTS (unix(7)). Child-safe.
#pragma once

#include <cstddef>
#include <span>

#include "ioctl_uapi/child_result.hpp"

namespace yett {

// Of the launch and exec protocols.
inline constexpr std::size_t kMaxPassedFds = 2;
// Of any message; even, so that the kernel's padding of the control data has room for no more.
inline constexpr std::size_t kMostFdsOfMessage = 4;

// Sends all of `size` bytes, or none, and at most kMostFdsOfMessage fds. Never SIGPIPE. `flags`:
// MSG_DONTWAIT, or none.
[[nodiscard]] ChildResult send_with_fds(int socket, const void* bytes, std::size_t size,
                                        std::span<const int> fds, int flags = 0);

}  // namespace yett

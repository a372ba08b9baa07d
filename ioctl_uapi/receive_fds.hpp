// One message of a socket, with the descriptors that came with it by SCM_RIGHTS (unix(7)).
// Child-safe. The other half of send_fds.hpp.
#pragma once

#include <cstddef>
#include <span>

#include "ioctl_uapi/child_result.hpp"
#include "ioctl_uapi/send_fds.hpp"

namespace yett {

struct ReceivedBytes {
  ChildResult error = kDone;
  std::size_t size = 0;
};

// Blocks for one message, unless `flags` has MSG_DONTWAIT. `fds` (at most kMostFdsOfMessage) gets
// the descriptors in their order, close-on-exec, and -1 where none came; more than it takes are
// closed. Errors: EPIPE, the other side closed and nothing is queued (a reset alone is told before
// what is queued, and is no end); EPROTO, the message or its descriptors did not fit, and none is
// left open; else errno.
[[nodiscard]] ReceivedBytes receive_with_fds(int socket, std::span<char> bytes, std::span<int> fds,
                                             int flags = 0);

// The same for a frame of a fixed size: one of another size is EPROTO.
[[nodiscard]] ChildResult receive_frame(int socket, void* frame, std::size_t size,
                                        std::span<int> fds = {}, int flags = 0);

}  // namespace yett

// LaunchMessages over the status socket, with fds by SCM_RIGHTS.
#pragma once

#include <array>
#include <cstddef>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_result.hpp"
#include "ioctl_uapi/launch_protocol.hpp"
#include "ioctl_uapi/send_fds.hpp"

namespace yett {

inline constexpr std::size_t kPassedListener = 0;
inline constexpr std::size_t kPassedTerminal = 1;
// Of `open`.
inline constexpr std::size_t kPassedRuleset = 0;
inline constexpr std::size_t kPassedDirectory = 1;

struct ReceivedMessage {
  LaunchMessage message;
  std::array<UniqueFd, kMaxPassedFds> fds;  // by kPassed*; invalid where none was sent
};

// Sends `message`; fds that are -1 are left out. Child-safe.
[[nodiscard]] ChildResult send_launch_message(int socket, const LaunchMessage& message,
                                              int listener = -1, int terminal = -1);

// Blocks for one message. target_gone: the other side closed.
[[nodiscard]] Result<ReceivedMessage> receive_launch_message(BorrowedFd socket);

// The same without Result: for the child. 0, or errno; EPIPE when the other side closed. The one fd
// that may come with it goes to `passed_fd`.
[[nodiscard]] ChildResult receive_launch_message_child(int socket, LaunchMessage& message,
                                                       int* passed_fd = nullptr);

}  // namespace yett

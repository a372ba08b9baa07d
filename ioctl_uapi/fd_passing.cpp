#include "ioctl_uapi/fd_passing.hpp"

#include <cerrno>
#include <span>
#include <utility>

#include "ioctl_uapi/receive_fds.hpp"

namespace yett {
ChildResult send_launch_message(int socket, const LaunchMessage& message, int listener,
                                int terminal) {
  LaunchMessage frame = message;
  std::array<int, kMaxPassedFds> fds{};
  std::size_t count = 0;
  const std::array<int, kMaxPassedFds> offered{listener, terminal};
  for (std::size_t i = 0; i < offered.size(); ++i) {
    if (offered[i] < 0) continue;
    frame.passed_fds |= 1ULL << i;
    fds[count++] = offered[i];
  }
  return send_with_fds(socket, &frame, sizeof frame, std::span(fds.data(), count));
}

Result<ReceivedMessage> receive_launch_message(BorrowedFd socket) {
  ReceivedMessage result;
  std::array<int, kMaxPassedFds> fds{};
  const ChildResult received =
      receive_frame(socket.get(), &result.message, sizeof result.message, fds);
  if (received == EPIPE) {
    Error gone = errno_error(ESRCH, "receive", "status socket");
    gone.detail = "the sandbox's first process ended";
    return fail(std::move(gone));
  }
  if (received != kDone) return fail(errno_error(received, "receive", "status socket"));
  std::array<UniqueFd, kMaxPassedFds> owned{UniqueFd(fds[0]), UniqueFd(fds[1])};
  std::size_t next = 0;
  for (std::size_t i = 0; i < kMaxPassedFds; ++i)
    if ((result.message.passed_fds >> i & 1) != 0 && next < kMaxPassedFds)
      result.fds[i] = std::move(owned[next++]);
  return result;
}

ChildResult receive_launch_message_child(int socket, LaunchMessage& message, int* passed_fd) {
  return receive_frame(socket, &message, sizeof message,
                       std::span(passed_fd, passed_fd != nullptr ? 1 : 0));
}

}  // namespace yett

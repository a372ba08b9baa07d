#include "ioctl_uapi/fd_passing.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <span>

namespace yett {
namespace {

union ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int) * kMaxPassedFds)> bytes;
  struct cmsghdr align;
};

}  // namespace

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
  LaunchMessage frame;
  struct iovec bytes{.iov_base = &frame, .iov_len = sizeof frame};
  ControlBuffer control{};
  struct msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  ssize_t received = 0;
  // ECONNRESET is told once, before what is queued, when the other side left with a message of ours
  // unread.
  do {
    received = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
  } while (received < 0 && (errno == EINTR || errno == ECONNRESET));
  if (received < 0) return fail(errno_error("receive", "status socket"));
  if (received == 0) {
    Error gone = errno_error(ESRCH, "receive", "status socket");
    gone.detail = "the sandbox's first process ended";
    return fail(std::move(gone));
  }
  ReceivedMessage result{.message = frame, .fds = {}};
  const struct cmsghdr* rights = CMSG_FIRSTHDR(&header);
  std::array<int, kMaxPassedFds> fds{-1, -1};
  std::size_t count = 0;
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::memcpy(fds.data(), CMSG_DATA(rights), sizeof(int) * count);
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < kMaxPassedFds; ++i)
    if ((frame.passed_fds >> i & 1) != 0 && next < count) result.fds[i].reset(fds[next++]);
  if (received != static_cast<ssize_t>(sizeof frame))
    return fail(Error{.kind = ErrorKind::internal,
                      .operation = "receive",
                      .subject = "status socket",
                      .detail = "short frame"});
  return result;
}

ChildResult receive_launch_message_child(int socket, LaunchMessage& message, int* passed_fd) {
  struct iovec bytes{.iov_base = &message, .iov_len = sizeof message};
  ControlBuffer control{};
  struct msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  if (passed_fd != nullptr) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
  }
  ssize_t received = 0;
  do {
    received = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return errno;
  if (received != static_cast<ssize_t>(sizeof message)) return EPIPE;
  const struct cmsghdr* rights = passed_fd != nullptr ? CMSG_FIRSTHDR(&header) : nullptr;
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS)
    std::memcpy(passed_fd, CMSG_DATA(rights), sizeof(int));
  return kDone;
}

}  // namespace yett

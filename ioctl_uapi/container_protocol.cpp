#include "ioctl_uapi/container_protocol.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>

#include "ioctl_uapi/send_fds.hpp"

namespace yett {
namespace {

union ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
  struct cmsghdr align;
};

}  // namespace

const char* container_step_name(ContainerStep step) {
  static constexpr std::array<const char*, static_cast<std::size_t>(ContainerStep::count)> kNames{
      "begin",
      "join cgroup",
      "unshare cgroup namespace",
      "join namespace",
      "enter user namespace",
      "set hostname",
      "set sysctl",
      "raise loopback",
      "set mount propagation",
      "mount root filesystem",
      "mount",
      "make device",
      "wait for hooks",
      "open terminal",
      "mask path",
      "pivot_root",
      "start session",
      "set limits",
      "chdir to cwd",
      "exec",
      "wait for start",
      "take identity",
      "confine",
      "run startContainer hook",
      "exec",
  };
  const auto index = static_cast<std::size_t>(step);
  return index < kNames.size() ? kNames[index] : "unknown step";
}

ChildResult send_container_message(int socket, const ContainerMessage& message, int passed_fd) {
  const std::span<const int> fds(&passed_fd, passed_fd >= 0 ? 1 : 0);
  return send_with_fds(socket, &message, sizeof message, fds);
}

ChildResult receive_container_message(int socket, ContainerMessage& message, int* passed_fd) {
  struct iovec bytes{.iov_base = &message, .iov_len = sizeof message};
  ControlBuffer control{};
  struct msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  if (passed_fd != nullptr) {
    *passed_fd = -1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
  }
  ssize_t received = 0;
  // ECONNRESET is told once, before what is queued, when the other side left with a frame unread.
  do {
    received = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (received < 0 && (errno == EINTR || errno == ECONNRESET));
  if (received < 0) return errno;
  if (received == 0) return EPIPE;
  if (received != static_cast<ssize_t>(sizeof message)) return EPROTO;
  const struct cmsghdr* rights = passed_fd != nullptr ? CMSG_FIRSTHDR(&header) : nullptr;
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS)
    std::memcpy(passed_fd, CMSG_DATA(rights), sizeof(int));
  return kDone;
}

}  // namespace yett

#include "ioctl_uapi/send_fds.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace yett {

ChildResult send_with_fds(int socket, const void* bytes, std::size_t size, std::span<const int> fds,
                          int flags) {
  if (fds.size() > kMostFdsOfMessage) return EINVAL;
  struct iovec data{.iov_base = const_cast<void*>(bytes), .iov_len = size};
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostFdsOfMessage)> control{};
  struct msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    struct cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(socket, &header, flags | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(size)) return kDone;
    if (sent < 0 && errno == EINTR) continue;
    return sent < 0 ? errno : EIO;
  }
}

}  // namespace yett

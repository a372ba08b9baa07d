#include "ioctl_uapi/receive_fds.hpp"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace yett {
namespace {

void close_all(std::span<int> fds) {
  for (int& fd : fds) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
}

// Of what came, `fds` takes the first; the rest is nobody's.
void take_descriptors(const struct cmsghdr* rights, std::span<int> fds) {
  std::array<int, kMostFdsOfMessage> passed{};
  const std::size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  std::memcpy(passed.data(), CMSG_DATA(rights), count * sizeof(int));
  for (std::size_t i = 0; i < count; ++i) {
    if (i < fds.size())
      fds[i] = passed[i];
    else
      ::close(passed[i]);
  }
}

}  // namespace

ReceivedBytes receive_with_fds(int socket, std::span<char> bytes, std::span<int> fds, int flags) {
  for (int& fd : fds) fd = -1;
  struct iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostFdsOfMessage)> control{};
  struct msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  if (got < 0) return {.error = errno};
  const struct cmsghdr* rights = fds.empty() ? nullptr : CMSG_FIRSTHDR(&header);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) take_descriptors(rights, fds);
  const bool cut = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (got > 0 && !cut) return {.size = static_cast<std::size_t>(got)};
  close_all(fds);
  return {.error = cut ? EPROTO : EPIPE};
}

ChildResult receive_frame(int socket, void* frame, std::size_t size, std::span<int> fds,
                          int flags) {
  const ReceivedBytes received =
      receive_with_fds(socket, std::span(static_cast<char*>(frame), size), fds, flags);
  if (received.error != kDone || received.size == size) return received.error;
  close_all(fds);
  return EPROTO;
}

}  // namespace yett

// A descriptor handed over a Unix socket, the plain way of unix(7): the tests' own, so that what
// they hold against the product is not the product's.
#pragma once

#include <sys/socket.h>

#include <cstring>

#include "base/unique_fd.hpp"

namespace yett::test {

// One byte and room for one descriptor. Lives where it was made: it points into itself.
class FdMessage {
 public:
  FdMessage() {
    header_.msg_iov = &data_;
    header_.msg_iovlen = 1;
    header_.msg_control = control_;
    header_.msg_controllen = sizeof control_;
  }
  FdMessage(const FdMessage&) = delete;
  FdMessage& operator=(const FdMessage&) = delete;

  void attach(int fd) {
    cmsghdr* control = CMSG_FIRSTHDR(&header_);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(control), &fd, sizeof fd);
  }
  // -1 when the message came without one.
  [[nodiscard]] int attached() const {
    const cmsghdr* control = CMSG_FIRSTHDR(&header_);
    int fd = -1;
    if (control != nullptr) std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return fd;
  }
  msghdr* get() { return &header_; }

 private:
  char byte_ = 'x';
  iovec data_{&byte_, 1};
  alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(int))]{};
  msghdr header_{};
};

inline bool send_fd(int socket, int fd) {
  FdMessage message;
  message.attach(fd);
  return ::sendmsg(socket, message.get(), 0) == 1;
}

// False when nothing came. True with an empty `fd` when the kernel delivered the byte and not the
// descriptor, which is how it says that the receiver may not have it.
inline bool receive_message(int socket, UniqueFd& fd) {
  FdMessage message;
  if (::recvmsg(socket, message.get(), MSG_CMSG_CLOEXEC) != 1) return false;
  fd.reset(message.attached());
  return true;
}

// Nothing when the peer closed without sending.
inline UniqueFd receive_fd(int socket) {
  UniqueFd fd;
  (void)receive_message(socket, fd);
  return fd;
}

}  // namespace yett::test

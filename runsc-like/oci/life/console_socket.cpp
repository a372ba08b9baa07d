#include "runsc-like/oci/life/console_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace yett::oci {
namespace {

// By the directory's descriptor where the path is longer than an address can be.
Status connect_to(int socket, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  UniqueFd opened;
  std::string name = path;
  if (path.size() >= sizeof address.sun_path) {
    opened.reset(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!opened.valid()) return fail(errno_error("open console socket", path));
    name = "/proc/self/fd/" + std::to_string(opened.get());
  }
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(errno_error("connect to console socket", path));
  return {};
}

}  // namespace

Status send_console(const std::string& path, BorrowedFd terminal) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(errno_error("socket"));
  YETT_CHECK(connect_to(socket.get(), path));
  char name[] = "/dev/ptmx";
  struct iovec bytes{.iov_base = name, .iov_len = sizeof name - 1};
  union {
    std::array<char, CMSG_SPACE(sizeof(int))> space;
    struct cmsghdr align;
  } control{};
  struct msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.space.data();
  message.msg_controllen = control.space.size();
  struct cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = terminal.get();
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0)
    return fail(errno_error("send to console socket", path));
  return {};
}

}  // namespace yett::oci

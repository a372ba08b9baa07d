#include "runsc-like/oci/life/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "ioctl_uapi/send_fds.hpp"

namespace yett::oci {
namespace {

// By the socket's descriptor where the path is longer than an address can be.
Status connect_to(int socket, const std::string& path, const char* what) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  UniqueFd opened;
  std::string name = path;
  if (path.size() >= sizeof address.sun_path) {
    opened.reset(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!opened.valid()) return fail(errno_error(std::string("open ") + what, path));
    name = "/proc/self/fd/" + std::to_string(opened.get());
  }
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(errno_error(std::string("connect to ") + what, path));
  return {};
}

}  // namespace

Status send_to_socket(const std::string& path, const char* what, std::string_view bytes,
                      BorrowedFd passed) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(errno_error("socket"));
  constexpr struct timeval kPatience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  YETT_CHECK(connect_to(socket.get(), path, what));
  // The descriptor goes with the first piece, and with no other.
  constexpr std::size_t kPiece = 64 * 1024;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const std::string_view piece = bytes.substr(sent, kPiece);
    const int fd = passed.get();
    const ChildResult result =
        send_with_fds(socket.get(), piece.data(), piece.size(), std::span(&fd, sent == 0 ? 1 : 0));
    if (result != kDone) return fail(errno_error(result, std::string("send to ") + what, path));
    sent += piece.size();
  }
  return {};
}

}  // namespace yett::oci

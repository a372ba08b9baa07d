#include "ioctl_uapi/named_socket.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace yett {
namespace {

constexpr int kQueue = 128;

int bind_to(BorrowedFd socket, const sockaddr_un& address, mode_t mode) {
  const mode_t before = ::umask(~mode & 0777);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int problem = bound == 0 ? 0 : errno;
  ::umask(before);
  return problem;
}

UniqueFd make_socket(int type) {
  return UniqueFd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// True: nobody listens there, nor can again.
bool is_left_over(const sockaddr_un& address, int type) {
  struct stat status{};
  if (::lstat(static_cast<const char*>(address.sun_path), &status) != 0 ||
      !S_ISSOCK(status.st_mode))
    return false;
  const UniqueFd socket = make_socket(type);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
             0 &&
         errno == ECONNREFUSED;
}

}  // namespace

std::optional<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  return address;
}

Result<UniqueFd> listen_at(const NamedSocket& wanted) {
  const auto address = socket_address(wanted.path);
  if (!address)
    return fail(request_error(wanted.asked_by, "is no path for a socket",
                              "1 to 107 characters; a shorter directory"));
  UniqueFd socket = make_socket(wanted.type);
  if (!socket.valid()) return fail(errno_error("socket", wanted.path));
  int problem = bind_to(socket.borrow(), *address, wanted.mode);
  if (problem == EADDRINUSE && is_left_over(*address, wanted.type) &&
      ::unlink(wanted.path.c_str()) == 0)
    problem = bind_to(socket.borrow(), *address, wanted.mode);
  if (problem == EADDRINUSE)
    return fail(request_error(wanted.asked_by, "there is something already",
                              "remove it, unless another yett listens there"));
  if (problem != 0) return fail(errno_error(problem, "bind", wanted.path));
  if (::listen(socket.get(), kQueue) == 0) return socket;
  Error failed = errno_error("listen", wanted.path);
  ::unlink(wanted.path.c_str());
  return fail(std::move(failed));
}

Result<UniqueFd> connect_to_socket(const std::string& path) {
  const auto address = socket_address(path);
  if (!address) return fail(request_error(path, "is no path of a socket", "1 to 107 characters"));
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(errno_error("socket", path));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0)
    return socket;
  Error failed = errno_error("connect", path);
  if (failed.sys_errno == ENOENT || failed.sys_errno == ECONNREFUSED) {
    failed.kind = ErrorKind::target_gone;
    failed.mend = "start yettd, or name its socket";
  }
  return fail(std::move(failed));
}

}  // namespace yett

#include "supervisor/daemon/activation.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"

namespace yett {
namespace {

constexpr int kFirstPassed = 3;

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

// None: 0.
std::uint64_t count_passed() {
  const auto pid = parse_decimal(variable("LISTEN_PID"));
  const auto count = parse_decimal(variable("LISTEN_FDS"));
  return pid && count && *pid == static_cast<std::uint64_t>(::getpid()) ? *count : 0;
}

bool socket_option_is(int socket, int name, int wanted) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 && value == wanted;
}

}  // namespace

Result<UniqueFd> take_passed_socket() {
  const std::uint64_t count = count_passed();
  if (count == 0) return UniqueFd();
  if (count != 1)
    return fail(request_error("LISTEN_FDS", "is " + std::to_string(count),
                              "give one socket: ListenSequentialPacket= of yettd.socket"));
  UniqueFd socket(kFirstPassed);
  if (!socket_option_is(socket.get(), SO_TYPE, SOCK_SEQPACKET) ||
      !socket_option_is(socket.get(), SO_ACCEPTCONN, 1))
    return fail(request_error("LISTEN_FDS", "its socket is no SOCK_SEQPACKET that listens",
                              "write ListenSequentialPacket= in yettd.socket"));
  ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  return socket;
}

std::string passed_socket_path() {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socklen_t size = sizeof address - 1;
  if (count_passed() == 0 ||
      ::getsockname(kFirstPassed, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sun_family != AF_UNIX)
    return {};
  return static_cast<const char*>(address.sun_path);
}

void tell_service_manager(const std::string& state) {
  const std::string path = variable("NOTIFY_SOCKET");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() < 2 || path.size() >= sizeof address.sun_path) return;
  path.copy(static_cast<char*>(address.sun_path), path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // systemd's, not one of ours
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  static_cast<void>(::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size));
}

}  // namespace yett

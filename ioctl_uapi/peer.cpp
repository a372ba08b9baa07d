#include "ioctl_uapi/peer.hpp"

#include <utility>

namespace yett {

std::optional<ucred> read_peer(BorrowedFd connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return std::nullopt;
  return peer;
}

bool is_peer_root(BorrowedFd connection) {
  const auto peer = read_peer(connection);
  return peer && peer->uid == 0;
}

Error supervisor_gone(std::string subject) {
  return Error{.kind = ErrorKind::target_gone,
               .subject = std::move(subject),
               .detail = "the sandbox has ended, or its supervisor has died"};
}

}  // namespace yett

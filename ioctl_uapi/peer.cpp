#include "ioctl_uapi/peer.hpp"

#include <sys/stat.h>

#include <utility>

#include "ioctl_uapi/own_namespace.hpp"

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

bool is_peer_root_here(BorrowedFd connection) {
  const auto peer = read_peer(connection);
  if (!peer || peer->uid != 0 || peer->pid <= 0) return false;
  const std::string theirs = "/proc/" + std::to_string(peer->pid) + "/ns/";
  for (const std::string name : {"pid", "user"}) {
    struct stat its{};
    if (::stat((theirs + name).c_str(), &its) != 0 || !is_own_namespace(its, name).value_or(false))
      return false;
  }
  return true;
}

Error supervisor_gone(std::string subject) {
  return Error{.kind = ErrorKind::target_gone,
               .subject = std::move(subject),
               .detail = "the sandbox has ended, or its supervisor has died"};
}

}  // namespace yett

// Who is at the other end of a connected UNIX socket: SO_PEERCRED, unix(7).
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// As of connect(2) or listen(2), in the caller's namespaces. Nothing: it is no such socket.
[[nodiscard]] std::optional<ucred> read_peer(BorrowedFd connection);
[[nodiscard]] bool is_peer_root(BorrowedFd connection);

// The same, and of the caller's own pid and user namespaces: whoever is root of a container's is
// not, though its uid be 0.
[[nodiscard]] bool is_peer_root_here(BorrowedFd connection);

// Why a sandbox's supervisor gives no answer; `subject` is what was asked of it.
[[nodiscard]] Error supervisor_gone(std::string subject);

}  // namespace yett

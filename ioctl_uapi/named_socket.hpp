// UNIX sockets that have a place in the file system: unix(7).
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// Nothing: the path is empty, or longer than an address holds (107 characters).
[[nodiscard]] std::optional<sockaddr_un> socket_address(const std::string& path);

struct NamedSocket {
  std::string path;
  int type = SOCK_SEQPACKET;  // SOCK_*
  mode_t mode = 0600;
  std::string asked_by;  // "--socket PATH": what errors name
};

// Listens there, close-on-exec and without waiting. SECURITY(control-peer): from the beginning
// nobody can connect whom the mode keeps out. A socket that a dead process has left is replaced.
// Errors name the mend. Precondition: one thread (umask(2)).
[[nodiscard]] Result<UniqueFd> listen_at(const NamedSocket& wanted);

// SOCK_SEQPACKET, connected. target_gone: nobody listens there.
[[nodiscard]] Result<UniqueFd> connect_to_socket(const std::string& path);

}  // namespace yett

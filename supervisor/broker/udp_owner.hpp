// Whose a UDP socket of this network is, as the kernel knows it. Source: sock_diag(7).
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <optional>

namespace yett {

// The user whose UDP socket at `local` gets what `peer` sends it, both of the calling process's
// network. Nothing: there is none, or this kernel does not tell (it has no udp_diag).
[[nodiscard]] std::optional<uid_t> find_udp_owner(const sockaddr_in& local,
                                                  const sockaddr_in& peer);

}  // namespace yett

// What yettd and systemd say to each other: sockets that are there already (sd_listen_fds(3)), and
// that it is ready (sd_notify(3)).
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// The socket that was handed over. Invalid: none was. Error: more than one, or no SOCK_SEQPACKET
// that listens.
[[nodiscard]] Result<UniqueFd> take_passed_socket();
// Where that one listens. Empty: none was handed over.
[[nodiscard]] std::string passed_socket_path();
// "READY=1", "RELOADING=1", "STOPPING=1". Nothing where nobody listens.
void tell_service_manager(const std::string& state);

}  // namespace yett

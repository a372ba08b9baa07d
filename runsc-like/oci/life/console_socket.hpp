// Handing the pty's master to whoever asked for it with --console-socket.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett::oci {

// Sends `terminal` by SCM_RIGHTS over the AF_UNIX stream socket at `path`, as runc does.
[[nodiscard]] Status send_console(const std::string& path, BorrowedFd terminal);

}  // namespace yett::oci

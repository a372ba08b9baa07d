// Sockets that an engine or an agent listens on.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett::oci {

// Connects to the stream socket at `path` (of any length), sends `bytes` with `passed`, and closes.
// `what` names the socket in errors: "console socket". A listener that takes nothing for 10 s is an
// error.
[[nodiscard]] Status send_to_socket(const std::string& path, const char* what,
                                    std::string_view bytes, BorrowedFd passed);

}  // namespace yett::oci

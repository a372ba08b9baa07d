#include "runsc-like/oci/life/console_socket.hpp"

#include "runsc-like/oci/life/unix_socket.hpp"

namespace yett::oci {

Status send_console(const std::string& path, BorrowedFd terminal) {
  return send_to_socket(path, "console socket", "/dev/ptmx", terminal);
}

}  // namespace yett::oci

#include "runsc-like/oci/life/hook_state.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace yett::oci {
namespace {

// The last number of NSpid is that of the innermost pid namespace.
int pid_inside(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("NSpid:")) continue;
    std::istringstream numbers(line.substr(6));
    int inside = pid;
    for (int number = 0; numbers >> number;) inside = number;
    return inside;
  }
  return pid;
}

}  // namespace

Result<UniqueFd> make_hook_state() {
  UniqueFd file(::memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return fail(errno_error("memfd_create", "state of hooks"));
  return file;
}

Status fill_hook_state(BorrowedFd file, const ContainerState& state) {
  ContainerState inside = state;
  inside.pid = pid_inside(state.pid);
  const std::string text = state_document(inside, ContainerStatus::created);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", "state of hooks"));
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) !=
      0)
    return fail(errno_error("seal", "state of hooks"));
  return {};
}

}  // namespace yett::oci

// exec: one more process in a running container.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "runsc-like/oci/config/config.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett::oci {

struct ExecOptions {
  std::string id;
  std::string pid_file;
  std::string console_socket;
  unsigned preserved_fds = 0;
  bool foreground_terminal = false;
  bool ignore_paused = false;
};

// The container's own process section, for what the command line leaves open.
[[nodiscard]] Result<Process> default_process(const ContainerStore& store, const std::string& id);

struct ExecutedProcess {
  ChildProcess process;
  UniqueFd terminal;
  std::string warning;  // empty: nothing to tell
};
// Returns when the program is executed.
[[nodiscard]] Result<ExecutedProcess> exec_in_container(const ContainerStore& store,
                                                        const ExecOptions& options,
                                                        const Process& process);

}  // namespace yett::oci

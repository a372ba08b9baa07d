// The last thing that `start` and `exec` wait for: that a process of the container has executed its
// program. Where its filter sends calls to an agent (linux.seccomp, SCMP_ACT_NOTIFY), the agent is
// given the listener first.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/container_protocol.hpp"
#include "runsc-like/oci/config/config.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett::oci {

struct ProgramStart {
  std::optional<ContainerMessage> failure;
  bool agent_has_listener = false;
};

struct AwaitedProcess {
  const ContainerDirectory& directory;
  const ContainerState& state;
  ContainerStatus status = ContainerStatus::created;  // for the agent
  int pid = 0;
};
// `socket`: the process's, which closes when it executes its program. Error: the agent could not be
// reached; the process ends then when `socket` closes.
[[nodiscard]] Result<ProgramStart> await_program_start(BorrowedFd socket,
                                                       const AwaitedProcess& process);

// Error: the configuration has an agent that was given nothing.
[[nodiscard]] Status check_agent_has_listener(const Config& config, const ProgramStart& started);

}  // namespace yett::oci

// Standing in for a container's process in the foreground: signals and the terminal go through.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"

namespace yett::oci {

// To be called before the process is made, so that no signal is lost; the child resets its mask.
void hold_signals();

// Until the process ends, which is reaped. Its exit status, 128+n for a signal.
[[nodiscard]] Result<int> stay_in_foreground(ChildProcess& process, UniqueFd terminal);

}  // namespace yett::oci

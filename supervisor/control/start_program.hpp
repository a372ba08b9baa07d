// A program of the host's, as root of the host: the runtime itself, to begin a sandbox.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"

namespace yett {

// The exit status of what could not be run.
inline constexpr int kCannotRun = 126;

// Executes this very program with `words` (its [0] included), with these as standard input, output
// and error (invalid: the null device), no other descriptor, an environment of its own and root's
// ids. Killed when the calling thread ends. Usable in a process with threads.
[[nodiscard]] Result<ChildProcess> start_self(const std::vector<std::string>& words,
                                              const std::array<UniqueFd, 3>& descriptors);

// Waits for it, and leaves it to be reaped. Its exit status, as bash gives it.
[[nodiscard]] int wait_for_end(const ChildProcess& program);

}  // namespace yett

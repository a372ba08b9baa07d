// A process told apart from a later one with the same pid.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat
  bool operator==(const ProcessIdentity&) const = default;
};

[[nodiscard]] Result<ProcessIdentity> own_process_identity();
// Errors: target_gone when there is no such process.
[[nodiscard]] Result<ProcessIdentity> process_identity(pid_t pid);
// The pid that a pidfd stands for, in our pid namespace.
[[nodiscard]] Result<pid_t> pid_of(BorrowedFd pidfd);

}  // namespace yett

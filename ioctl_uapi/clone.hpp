// clone3(2) as the launcher needs it: fork-like, with a pidfd.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct ForkedChild {
  int pid = 0;  // 0 in the child
  UniqueFd pidfd;
};

// Forks with the given CLONE_NEW* flags, into the v2 cgroup directory `cgroup` when it is valid
// (CLONE_INTO_CGROUP). In the child only raw system calls and child-safe code may follow.
[[nodiscard]] Result<ForkedChild> fork_with_namespaces(std::uint64_t namespace_flags,
                                                       BorrowedFd cgroup = BorrowedFd());

// pidfd_open(2), close-on-exec. target_gone when there is no such process.
[[nodiscard]] Result<UniqueFd> open_pidfd(int pid);

// pidfd_send_signal(2). target_gone when it already left.
[[nodiscard]] Status send_signal(BorrowedFd pidfd, int signal_number);

}  // namespace yett

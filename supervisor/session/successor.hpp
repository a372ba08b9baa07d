// The process that goes on with a sandbox when its supervisor dies ([on] supervisor_loss). It is a
// copy of the supervisor from before the loop, so it knows the plan, the planes, the cgroup, the
// sockets and the listener by having them; it waits until the other one is dead, and not before,
// and then is the supervisor, with a successor of its own. docs/decisions/0030-adoption.md.
#pragma once

#include <functional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"

namespace yett {

// SECURITY(few-adoptions): copies of one process have one address space layout, so each is one more
// try for whoever attacks it. After so many the sandbox dies with its supervisor.
inline constexpr int kMostAdoptions = 8;

struct StandBy {
  // In the successor: what it must not hold open while it waits. May be empty.
  std::function<void()> let_go;
  // In the supervisor: who else outlives it and must know.
  std::function<Status(BorrowedFd successor)> tell;
};

struct Succession {
  ChildProcess successor;  // of the calling process; none after kMostAdoptions
  int lost = 0;            // the pid of the supervisor that this one has taken over from; 0: none
};

// Returns once in the supervisor, and once more in each process that took over from one that died
// while it owned its Succession. Preconditions: root, no other thread; forwarded signals are
// blocked. Errors: only before anything was lost.
[[nodiscard]] Result<Succession> stand_by(const StandBy& how);

}  // namespace yett

// The process beside a sandbox's supervisor that takes more programs into the sandbox (`yett
// exec`). The supervisor itself cannot: while it answers notifications it has the sandbox's ids.
// The attendant is its copy from before that, so it knows the plan, the planes and the cgroup by
// having them, and each program gets the same filter, label, namespaces, cgroup and identity as the
// sandbox's own. It dies with the supervisor, and so, inside, does every program.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "sandbox/launch/join.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/loop/plan_slot.hpp"

namespace yett {

struct AttendedSandbox {
  const SandboxPlan* plan = nullptr;
  int init = 0;  // the host's pid of PID 1
  BorrowedFd init_pidfd;
  const SandboxDoors* doors = nullptr;      // null: it is entered by the pidfd
  BorrowedFd cgroup_v2;                     // invalid: none
  std::vector<int> cgroup_task_files;       // v1
  std::function<SandboxUsage()> usage;      // for sysinfo; empty: unknown
  std::function<Status(BorrowedFd)> label;  // gives a waiting process the sandbox's BPF LSM label
  AuditSink* audit = nullptr;
  std::shared_ptr<PlanSlot> plans;  // null: the plan stays
};

// Forks. `socket` listens for connections of exec_protocol.hpp; `let_go` runs in the child, for
// what it must not hold open. Preconditions: no other thread; forwarded signals are blocked.
[[nodiscard]] Result<ChildProcess> start_attendant(const AttendedSandbox& sandbox,
                                                   BorrowedFd socket,
                                                   const std::function<void()>& let_go);

// One program, in a process of its own: from the request to its end. Never returns.
[[noreturn]] void serve_exec(const AttendedSandbox& sandbox, BorrowedFd connection);

}  // namespace yett

// Starts a container's first process, or adds one to a running container: the parent's side. The
// caller drives it, because what happens between the steps (hooks, the state file, the console
// socket) is not the launcher's business:
//   begin_container  -> the child works on its namespaces and mounts
//   await_stage      -> mounted (only with plan.runtime_hooks), then created
//   let_go_on        after each
// Failure at any point kills and reaps the child; mounts and namespaces go with it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "ioctl_uapi/container_protocol.hpp"
#include "sandbox/container/container_plan.hpp"

namespace yett {

struct ContainerInputs {
  BorrowedFd cgroup_v2;                // invalid: stay in the caller's
  std::vector<int> cgroup_task_files;  // v1
  BorrowedFd start_socket;             // listening; invalid: go on without `start`
  BorrowedFd waiting_lock;             // the child holds it until exec
  BorrowedFd hook_state;               // a file: what startContainer hooks get on stdin
};

struct StartedContainer {
  ChildProcess process;
  UniqueFd status_socket;
};

// Preconditions: single-threaded; the working directory is the root filesystem's. Opens in `plan`
// what the child could not open by itself.
[[nodiscard]] Result<StartedContainer> begin_container(ContainerPlan& plan,
                                                       const ContainerInputs& inputs);

struct JoinedContainer {
  int pid = 0;
  BorrowedFd pidfd;
  std::uint64_t namespaces = 0;  // CLONE_NEW* that differ from the caller's
};
// `plan` gives the process and its filters; nothing else of it is used.
[[nodiscard]] Result<StartedContainer> begin_joining(const ContainerPlan& plan,
                                                     const ContainerInputs& inputs,
                                                     const JoinedContainer& container);

struct ContainerStage {
  ContainerMessageKind kind = ContainerMessageKind::created;
  UniqueFd terminal;        // created: the pty's master, when there is one
  bool moved_root = false;  // created: see kMovedRoot
};
// `pid` is the child's: its id maps are written when it asks for them.
[[nodiscard]] Result<ContainerStage> await_stage(BorrowedFd status_socket, int pid,
                                                 const ContainerPlan& plan);
[[nodiscard]] Status let_go_on(BorrowedFd status_socket);

// A failed message as an error in words that engines know ("executable file not found in $PATH").
[[nodiscard]] Error container_failure(const ContainerPlan& plan, const ContainerMessage& message);
// The same for `start`, which has no plan.
[[nodiscard]] Error start_failure(const std::string& program, const ContainerMessage& message);

}  // namespace yett

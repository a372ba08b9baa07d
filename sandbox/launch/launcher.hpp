// Starts a planned sandbox: the parent's side. Two phases, so that the composition root can join
// cgroups and label the task between them, while the child waits:
//   start_sandbox(...)  -> WaitingSandbox   everything mounted, user namespace mapped, nothing of
//   the app's has run release_sandbox(..) -> RunningSandbox   privileges dropped, filter installed,
//   program executed
// Failure at any point kills and reaps the child; mounts and namespaces go with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "ioctl_uapi/launch_protocol.hpp"
#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// The page of step times that the child writes. Unmapped when the last owner goes.
class SharedTimings {
 public:
  [[nodiscard]] static Result<SharedTimings> make();
  SharedTimings(SharedTimings&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}
  SharedTimings& operator=(SharedTimings&& other) noexcept;
  ~SharedTimings();
  [[nodiscard]] StepTimings* get() const { return page_; }

 private:
  explicit SharedTimings(StepTimings* page) : page_(page) {}
  StepTimings* page_;
};

struct LaunchInputs {
  BorrowedFd cgroup_v2;                // invalid: stay in the caller's
  std::vector<int> cgroup_task_files;  // v1; empty: stay in the caller's
  BorrowedFd image_mount;              // detached mount of a package; invalid: none
  std::string staging_directory;  // an existing directory of ours to mount the new root on, in the
                                  // child's namespace
};

struct WaitingSandbox {
  ChildProcess init;
  UniqueFd status_socket;
  SharedTimings timings;
};

struct RunningSandbox {
  ChildProcess init;
  UniqueFd status_socket;
  UniqueFd listener;    // invalid: no filter
  UniqueFd pty_master;  // invalid: no terminal
  SharedTimings timings;
};

// A failed launch, with the step it failed in, so that the CLI can tell 126 and 127 from its own
// failures.
struct LaunchFailure {
  Error error;
  ChildStep step = ChildStep::start;
};
template <typename T>
using LaunchResult = std::expected<T, LaunchFailure>;

[[nodiscard]] LaunchResult<WaitingSandbox> start_sandbox(const SandboxPlan& plan,
                                                         const CompiledFilter& filter,
                                                         const LaunchInputs& inputs);
[[nodiscard]] LaunchResult<RunningSandbox> release_sandbox(WaitingSandbox waiting,
                                                           const SandboxPlan& plan);

}  // namespace yett

// Starts a planned sandbox: the parent's side, in phases, so that the composition root can work
// while the child does, and join cgroups and label the task while it waits:
//   begin_sandbox    -> StartedSandbox   the child is mounting
//   give_filter                          any time before release
//   await_mounted    -> WaitingSandbox   all mounted, user namespace mapped; nothing of the app's
//   has run release_sandbox  -> RunningSandbox   privileges dropped, filter installed, program
//   executed
// Failure at any point kills and reaps the child; mounts and namespaces go with it.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "ioctl_uapi/launch_protocol.hpp"
#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/launch/fresh_network.hpp"
#include "sandbox/launch/launch_page.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// The page that parent and child share. Unmapped when the last owner goes.
class SharedPage {
 public:
  [[nodiscard]] static Result<SharedPage> make();
  SharedPage(SharedPage&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}
  SharedPage& operator=(SharedPage&& other) noexcept;
  ~SharedPage();
  [[nodiscard]] LaunchPage* get() const { return page_; }
  [[nodiscard]] const StepTimings& timings() const { return page_->timings; }
  // The child needs none any more.
  void let_go() { *this = SharedPage(nullptr); }

 private:
  explicit SharedPage(LaunchPage* page) : page_(page) {}
  LaunchPage* page_;
};

struct LaunchInputs {
  BorrowedFd cgroup_v2;                // invalid: stay in the caller's
  std::vector<int> cgroup_task_files;  // v1; empty: stay in the caller's
  BorrowedFd image_mount;              // detached mount of a package; invalid: none
  BorrowedFd truth_mount;              // what the plan's truth entries are of; invalid: it has none
  bool is_program_late = false;        // the plan's is not executed: release_late() brings another
  bool maps_itself = false;  // a plan with one id, which the caller has: nobody maps the child, and
                             // nobody else needs it to wait
  FreshNetwork* network =
      nullptr;  // begun earlier, to save time; nullptr: made now when the plan wants one
  std::string staging_directory;  // an existing directory of ours to mount the new root on, in the
                                  // child's namespace
};

struct StartedSandbox {
  ChildProcess init;
  UniqueFd status_socket;
  SharedPage page;
  bool is_awaited = true;     // it says when its parent may go on with it
  UniqueFd landlock_ruleset;  // of which its parent adds rules, too; invalid: it does not
};

struct WaitingSandbox {
  ChildProcess init;
  UniqueFd status_socket;
  SharedPage page;
};

// Standard input, output and error of a program that came late.
using LateStreams = std::array<BorrowedFd, 3>;

struct RunningSandbox {
  ChildProcess init;
  UniqueFd status_socket;
  UniqueFd listener;    // invalid: no filter
  UniqueFd pty_master;  // invalid: no terminal
  int app_pid = 0;      // inside
  SharedPage page;
  int function_pid = 0;  // of one who has come in, on the host; 0: it is a program
};

// What somebody who comes in takes from PID 1.
struct FunctionDoors {
  UniqueFd ruleset;  // Landlock's; invalid: the plan has none
  UniqueFd directory;
  unsigned filter_flags = 0;  // SECCOMP_FILTER_FLAG_*
};

// A failed launch, with the step it failed in, so that the CLI can tell 126 and 127 from its own
// failures.
struct LaunchFailure {
  Error error;
  ChildStep step = ChildStep::start;
};
template <typename T>
using LaunchResult = std::expected<T, LaunchFailure>;

[[nodiscard]] LaunchResult<StartedSandbox> begin_sandbox(const SandboxPlan& plan,
                                                         const LaunchInputs& inputs);
void give_filter(const StartedSandbox& started, const CompiledFilter& filter);
[[nodiscard]] LaunchResult<WaitingSandbox> await_mounted(StartedSandbox started,
                                                         const SandboxPlan& plan);
[[nodiscard]] LaunchResult<RunningSandbox> release_sandbox(WaitingSandbox waiting,
                                                           const SandboxPlan& plan);
// Of a sandbox whose program is late: releases it as far as that, so that nothing but the program
// is missing.
[[nodiscard]] LaunchResult<WaitingSandbox> ready_for_program(WaitingSandbox waiting,
                                                             const SandboxPlan& plan);
// Then: the program is the plan's process by now, with these descriptors. E2BIG: more strings than
// the child has room for.
[[nodiscard]] LaunchResult<RunningSandbox> release_late(WaitingSandbox waiting,
                                                        const SandboxPlan& plan,
                                                        const LateStreams& streams);

// In its place: nothing is executed, and what comes in is verified by the caller.
[[nodiscard]] LaunchResult<FunctionDoors> open_for_function(const WaitingSandbox& waiting,
                                                            const SandboxPlan& plan);
// `pidfd` has come in: PID 1 leaves with it. `inside` is its number there.
[[nodiscard]] Status tell_entered(const WaitingSandbox& waiting, BorrowedFd pidfd, int inside);

// The first three in one, for callers that have everything at hand.
[[nodiscard]] LaunchResult<WaitingSandbox> start_sandbox(const SandboxPlan& plan,
                                                         const CompiledFilter& filter,
                                                         const LaunchInputs& inputs);

}  // namespace yett

// What the child between clone and exec works on. Made whole by the parent; the child only reads
// it, but for `state`.
#pragma once

#include <span>

#include "ioctl_uapi/launch_protocol.hpp"
#include "sandbox/guard/rootfs_child.hpp"
#include "sandbox/launch/launch_page.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct ChildContext {
  const SandboxPlan* plan = nullptr;
  RootfsInputs rootfs;
  int status_socket = -1;
  LaunchPage* page = nullptr;              // shared with the parent
  std::span<const int> cgroup_task_files;  // v1 `tasks` files to join by
  unsigned filter_flags = 0;               // SECCOMP_FILTER_FLAG_*
  const char* const* candidates =
      nullptr;  // paths to try for argv[0], in PATH's order; null-terminated
  const char* const* argv = nullptr;
  const char* const* environment = nullptr;
  const char* working_directory = nullptr;
  int landlock_ruleset = -1;          // the parent's and the child's; -1: the app makes one
  const char* own_uid_map = nullptr;  // null: the parent writes the maps
  const char* own_gid_map = nullptr;
  int joined_process = -1;                 // pidfd of the sandbox's PID 1, for run_joining_child
  std::span<const int> joined_namespaces;  // in its place, in the order in which they are joined

  // Changed by the child.
  int children = -1;     // fallback: /proc's list of its children, for it has no pid namespace
  int own_process = -1;  // its directory of the host's /proc, to write its maps
  RootfsState root_state;
  int terminal_master = -1;
  int terminal_slave = -1;
  bool runs_function = false;  // somebody comes in, and nothing is executed
};

// Runs the child: never returns.
[[noreturn]] void run_setup_child(ChildContext& context);

// Runs the child that joins a sandbox: never returns. Sends `ready` with the pid of the child of
// its own that is inside, and that waits there for its release.
[[noreturn]] void run_joining_child(ChildContext& context);

// PID 1 from here on: starts the app, reports, reaps, leaves with it. Never returns.
[[noreturn]] void run_init_child(ChildContext& context);

// PID 1 has no program: function_child.cpp. What it takes to come in is sent to the parent.
[[nodiscard]] ChildResult offer_doors(ChildContext& context);

// PID 1's own seccomp filter: what watching one app takes, and nothing else; anything more kills
// it.
[[nodiscard]] ChildResult restrict_init();

// Reaps whoever has ended. False: the calling process has no child.
[[nodiscard]] bool reap_ended_children();

// Kills and reaps until nothing is left below the calling process, which every orphan comes to.
// `children`: /proc's list of its children. Precondition: PR_SET_CHILD_SUBREAPER.
void clear_away_children(int children);

// Steps of the fallback mode: fallback_child.cpp.
[[nodiscard]] ChildResult begin_fallback(ChildContext& context);
[[nodiscard]] ChildResult open_fallback_terminal(ChildContext& context);
[[nodiscard]] ChildResult prepare_landlock(ChildContext& context);
[[nodiscard]] ChildResult drop_own_capabilities(ChildContext& context);
[[nodiscard]] ChildResult check_sockets_on_stdio(ChildContext& context);

// Tells the parent which step failed, and ends.
[[noreturn]] void fail_child(const ChildContext& context, ChildStep step, ChildResult error);

// Notes the end of a step.
void note_step(const ChildContext& context, ChildStep step);

// Starts the app by vfork: returns in PID 1 when the app executes its program or failed to. Shares
// memory and the fd table until exec, so that its failure and its seccomp listener are simply here.
struct AppStart {
  int pid = 0;
  int listener = -1;
  ChildStep failed_step = ChildStep::count;  // count: none
  ChildResult error = kDone;
};
[[nodiscard]] AppStart start_app(const ChildContext& context);

}  // namespace yett

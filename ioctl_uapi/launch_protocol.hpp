// What the launching parent and the child between clone and exec say to each other: fixed-size
// frames over a SOCK_SEQPACKET pair that nobody else holds.
#pragma once

#include <array>
#include <cstdint>

namespace yett {

// Every step of the child, in order. The child is a loop over this list; tests assert the order and
// fail each in turn. Moving a line is a reviewed change.
enum class ChildStep : std::uint32_t {
  start,           // running in fresh mount, pid, ipc, uts (and net) namespaces, not dumpable
  cgroups,         // moved into its v1 cgroups; v2 was given to clone3
  private_mounts,  // / made private, so that nothing made below travels back
  hostname,
  sysctls,  // per-namespace ones, through the host's /proc: vm.memfd_noexec
  session_keyring,
  root,            // the new root is mounted
  mounts,          // every entry of the plan's mount list, in order
  terminal,        // the pty, from the sandbox's own devpts
  pivot_root,      // the old root is gone; the new one is read-only if the plan says so
  network,         // joined the network namespace that the parent made meanwhile
  groups,          // no supplementary groups
  user_namespace,  // unshared; the parent now writes maps, joins cgroups, labels the task
  released,        // the parent said go
  cgroup_namespace,
  rlimits,
  identity,      // setresgid, setresuid
  capabilities,  // all five sets empty, securebits locked
  no_new_privs,
  die_with_parent,
  stdio,          // the pty's or the caller's; nothing else survives exec
  app_session,    // from here in the app: setsid, controlling terminal, signals reset
  app_directory,  // chdir
  landlock,
  filter,  // seccomp, with a listener
  exec,
  count
};
[[nodiscard]] const char* child_step_name(ChildStep step);

enum class LaunchMessageKind : std::uint32_t {
  ready,     // child -> parent: user namespace made, waiting for maps, cgroup and label
  release,   // parent -> child: go
  started,   // child -> parent: exec succeeded; carries listener and pty master by SCM_RIGHTS
  failed,    // child -> parent: step and errno
  exited,    // child -> parent: the app's wait status and resource usage
  network,   // parent -> child: the network namespace to join, by SCM_RIGHTS
  waiting,   // child -> parent: restricted, and without a program yet
  program,   // parent -> child: it is in the page; its 0, 1 and 2 by SCM_RIGHTS
  signal,    // parent -> child: `detail` is a signal number for the app
  function,  // parent -> child: no program, but a function of somebody else's, who comes in
  open,      // child -> parent: its Landlock rules (where it has some) and directory, by SCM_RIGHTS
  entered,   // parent -> child: `app_pid` is the one who came in, whose pidfd comes along
  left,      // child -> parent: that one has ended; how, its own parent knows
};

// Said by who every orphan comes to, in the fallback mode: it has no child, and nobody has whom it
// could come from.
inline constexpr std::int32_t kNothingLeft = 0;

struct LaunchMessage {
  LaunchMessageKind kind = LaunchMessageKind::failed;
  ChildStep step = ChildStep::start;
  std::int32_t error = 0;        // errno of a failed step
  std::int32_t detail = -1;      // index into the plan's mount list, when a mount failed; exited:
                                 // kNothingLeft, or not known
  std::int32_t wait_status = 0;  // exited: as waitpid(2) gives it
  std::int32_t app_pid = 0;      // inside
  std::int64_t user_us = 0;      // exited: CPU time of the app and its waited-for children
  std::int64_t system_us = 0;
  std::int64_t max_rss_kib = 0;
  std::uint64_t passed_fds = 0;  // bit i: an fd of kind i follows; set by send_launch_message
};
static_assert(sizeof(LaunchMessage) == 56);

// Monotonic nanoseconds at the end of each step, in a page shared by parent and child.
struct StepTimings {
  std::array<std::uint64_t, static_cast<std::size_t>(ChildStep::count)> at_ns{};
};

}  // namespace yett

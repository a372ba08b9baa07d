// What a container's runtime and its first process say to each other before the container's own
// program runs: fixed-size frames over SOCK_SEQPACKET. Two conversations: `create` with its child,
// over a socket pair; later `start` with the waiting process, over the container's start socket.
#pragma once

#include <cstdint>

#include "ioctl_uapi/child_result.hpp"

namespace yett {

// Every step of the child, in order (sandbox/container/container_child.cpp is a loop over them).
enum class ContainerStep : std::uint32_t {
  begin,             // not dumpable, default signals
  cgroups,           // moved into its v1 cgroups; v2 was given to clone3
  cgroup_namespace,  // after joining, so that its root is the container's own cgroup
  join_namespaces,   // those given by path
  user_namespace,    // the parent wrote the maps and moved network devices; root from here on
  hostname,
  sysctls,
  network,        // lo up in a fresh network namespace
  propagation,    // of everything inherited
  root,           // the root filesystem is mounted on itself
  mounts,         // every mount of the configuration, in order
  devices,        // nodes and links of /dev
  runtime_hooks,  // the parent runs prestart, createRuntime and createContainer hooks
  terminal,       // a pty of the container's own devpts
  masks,          // masked and read-only paths
  pivot_root,
  session,    // setsid, controlling terminal, session keyring
  limits,     // rlimits, oom score, scheduling
  placement,  // CPUs of a process that joins, policy of memory nodes
  directory,  // working directory
  lookup,     // the program exists and may be executed
  identity,   // groups, user, capabilities
  wait,       // created: waits for `start`
  confine,    // no_new_privs, Landlock, seccomp
  hooks,      // startContainer hooks
  exec,
  count
};
[[nodiscard]] const char* container_step_name(ContainerStep step);

enum class ContainerMessageKind : std::uint32_t {
  forked,         // child -> parent: the container's process is another, its pid in `detail`
  in_namespaces,  // child -> parent: a new user namespace needs its maps, or a network its devices
  mounted,        // child -> parent: runtime hooks may run
  created,   // child -> parent: ready to wait for `start`; carries the pty's master when there is
             // one, and in `detail` what kMovedRoot says
  listener,  // child -> parent or start: the agent's, with its fd; waits for go_on
  go_on,     // parent -> child
  start,     // start -> child
  failed,    // child -> parent or start: step and errno
};

struct ContainerMessage {
  ContainerMessageKind kind = ContainerMessageKind::failed;
  ContainerStep step = ContainerStep::begin;
  std::int32_t error = 0;    // errno of a failed step
  std::int32_t detail = -1;  // index of the mount, device, path, ... that failed
};
static_assert(sizeof(ContainerMessage) == 16);
// The root is on top of the old one, which could not be left.
inline constexpr std::int32_t kMovedRoot = 1;

// One frame, with one fd when it is not -1. 0 or errno. Child-safe.
[[nodiscard]] ChildResult send_container_message(int socket, const ContainerMessage& message,
                                                 int passed_fd = -1);
// Blocks for one frame. EPIPE: the other side closed. `passed_fd` (when given) gets -1 or the fd
// that came with it. Child-safe.
[[nodiscard]] ChildResult receive_container_message(int socket, ContainerMessage& message,
                                                    int* passed_fd = nullptr);

}  // namespace yett

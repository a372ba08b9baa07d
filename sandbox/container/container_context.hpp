// What a container's first process works on between clone and exec. Made whole by the parent; the
// child changes only the part below the line.
#pragma once

#include <span>

#include "ioctl_uapi/container_protocol.hpp"
#include "sandbox/container/container_plan.hpp"

namespace yett {

// A startContainer hook as the child executes it; the arrays end with a null pointer.
struct PreparedHook {
  const char* path = nullptr;
  const char* const* argv = nullptr;
  const char* const* environment = nullptr;
  int timeout_ms = -1;  // -1: none
};

struct ContainerContext {
  const ContainerPlan* plan = nullptr;
  const ContainerProcess* process = nullptr;
  int status_socket = -1;  // to `create` or `exec`
  int start_socket = -1;   // listens for `start`; -1: nobody has to say so
  int waiting_lock = -1;   // held until exec, which tells `created` from `running`
  std::span<const int> cgroup_task_files;
  const char* const* candidates = nullptr;  // paths to try for argv[0]; null-terminated
  const char* const* argv = nullptr;
  const char* const* environment = nullptr;
  std::span<const PreparedHook> start_hooks;
  int hook_state = -1;  // what each hook gets on stdin
  // A process that joins a container: its pidfd and the CLONE_NEW* to take from it.
  int container_process = -1;
  std::uint64_t joined_namespaces = 0;

  // ---- changed by the child
  bool is_maker = false;       // run_container_maker: the next child is the container's process
  bool in_namespaces = false;  // its maker has joined cgroups and namespaces
  int root = -1;
  bool moved_root = false;  // --no-pivot, where pivot_root could not be
  int terminal_master = -1;
  int terminal_slave = -1;
  int label_file = -1;     // /proc/self/attr/exec, opened while the host's /proc is in sight
  int detail = -1;         // of the failed step
  int report_socket = -1;  // whoever asked last: `create`, then `start`
};

// `detail` of a failed placement.
inline constexpr int kPlacementCpus = 0;
inline constexpr int kPlacementMemory = 1;

using ContainerStepFunction = ChildResult (*)(ContainerContext&);

// The steps, by the file that holds them. Each is 0 or an errno.
namespace container_steps {
// container_namespaces_child.cpp
[[nodiscard]] ChildResult join_cgroups(ContainerContext& context);
[[nodiscard]] ChildResult cgroup_namespace(ContainerContext& context);
[[nodiscard]] ChildResult join_namespaces(ContainerContext& context);
[[nodiscard]] ChildResult user_namespace(ContainerContext& context);
[[nodiscard]] ChildResult join_user_namespace(ContainerContext& context);
[[nodiscard]] ChildResult hostname(ContainerContext& context);
[[nodiscard]] ChildResult sysctls(ContainerContext& context);
[[nodiscard]] ChildResult network(ContainerContext& context);
[[nodiscard]] ChildResult join_container(ContainerContext& context);
// container_mounts_child.cpp
[[nodiscard]] ChildResult propagation(ContainerContext& context);
[[nodiscard]] ChildResult root(ContainerContext& context);
[[nodiscard]] ChildResult mounts(ContainerContext& context);
// container_root_child.cpp
[[nodiscard]] ChildResult devices(ContainerContext& context);
[[nodiscard]] ChildResult terminal(ContainerContext& context);
[[nodiscard]] ChildResult masks(ContainerContext& context);
// container_enter_child.cpp
[[nodiscard]] ChildResult enter_root(ContainerContext& context);
// container_hooks_child.cpp
[[nodiscard]] ChildResult start_hooks(ContainerContext& context);
// container_process_child.cpp
[[nodiscard]] ChildResult begin(ContainerContext& context);
[[nodiscard]] ChildResult session(ContainerContext& context);
[[nodiscard]] ChildResult limits(ContainerContext& context);
[[nodiscard]] ChildResult placement(ContainerContext& context);
[[nodiscard]] ChildResult directory(ContainerContext& context);
[[nodiscard]] ChildResult lookup(ContainerContext& context);
// container_identity_child.cpp
[[nodiscard]] ChildResult identity(ContainerContext& context);
[[nodiscard]] ChildResult confine(ContainerContext& context);
[[nodiscard]] ChildResult execute(ContainerContext& context);
}  // namespace container_steps

// The first process of a container. Never returns.
[[noreturn]] void run_container_child(ContainerContext& context);
// The same where a user namespace is joined by path: the caller joins it, so that the namespaces
// which the container's process begins with belong to it, tells the pid of that process, which is
// the parent's child too, and ends. Never returns.
[[noreturn]] void run_container_maker(ContainerContext& context, std::uint64_t namespaces);
// A process added to a running container: the caller, which the container does not see, enters all
// of it, gives up its rights, tells the pid of the process that it makes, which is the parent's
// child too, and ends. Never returns.
[[noreturn]] void run_joiner(ContainerContext& context);

// Where the label of the program is written; below the host's /proc, and so before the root is
// entered. -1: there is none. Child-safe.
[[nodiscard]] int open_label_file(const ContainerProcess& process);

// A bind's source as a detached mount with its attributes, as the caller sees it. fd or -errno.
// Child-safe.
[[nodiscard]] int open_bind_source(const ContainerMount& mount);
// A new filesystem as a detached mount with these attributes. fd or -errno. Child-safe.
[[nodiscard]] int make_container_filesystem(const ContainerMount& mount, std::uint64_t attributes);
// The same for a tmpfs, with a copy of the directory at its target below `root` (a missing one is
// empty): links are copied, never followed. -ENOSPC: it does not fit. Child-safe.
[[nodiscard]] int make_copied_tmpfs(int root, const ContainerMount& mount);

}  // namespace yett

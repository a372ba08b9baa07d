// An OCI container as the launcher needs it: decided, checked, and in the order of doing. Made by
// runsc-like/oci from a config.json; read by the parent and, between clone and exec, by the child,
// which therefore finds every string it needs as a C string.
#pragma once

#include <linux/filter.h>
#include <linux/sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

enum class ContainerMountKind {
  bind,        // `source` of the host
  filesystem,  // a new mount of `filesystem`
  remount,     // the attributes of what is mounted at `target`
};

// Whose ids a bind mount's files are to have (mount_setattr(2), MOUNT_ATTR_IDMAP).
enum class MountIds {
  as_they_are,
  mapped,          // by the mount's own maps
  as_the_process,  // by the user namespace of the container
};

struct ContainerMount {
  ContainerMountKind kind = ContainerMountKind::filesystem;
  std::string filesystem;
  std::string source;
  std::string target;  // inside, absolute
  std::vector<std::pair<std::string, std::string>>
      options;            // of the filesystem; value may be empty
  std::uint64_t set = 0;  // MOUNT_ATTR_*
  std::uint64_t clear = 0;
  std::uint64_t recursive_set = 0;  // "rro" and its like
  std::uint64_t recursive_clear = 0;
  std::vector<unsigned long> propagation;  // MS_PRIVATE, ..., with MS_REC or without, in order
  bool recursive = false;                  // rbind
  bool optional = false;                   // a missing source is no error
  bool copy_up = false;                    // a tmpfs that begins with what it covers
  MountIds ids = MountIds::as_they_are;
  bool ids_of_submounts = false;   // ridmap
  std::vector<IdMapping> uid_map;  // of MountIds::mapped
  std::vector<IdMapping> gid_map;
  UniqueFd id_map;  // the user namespace that maps it; opened by begin_container
  UniqueFd opened;  // the source as a detached mount, where the child could not open it itself
};

struct ContainerDevice {
  std::string path;        // inside
  std::uint32_t mode = 0;  // S_IFCHR | 0666
  std::uint64_t device = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct ContainerLink {
  std::string path;
  std::string target;
};

struct ContainerRlimit {
  int resource = 0;
  std::string_view name;  // "RLIMIT_NOFILE"; lives for ever
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

// Masks of capabilities: bit n is capability n.
struct ContainerCapabilities {
  std::uint64_t bounding = 0;
  std::uint64_t effective = 0;
  std::uint64_t inheritable = 0;
  std::uint64_t permitted = 0;
  std::uint64_t ambient = 0;
};

struct ContainerScheduler {
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

// One process of a container: its first, or one that `exec` adds.
struct ContainerProcess {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string working_directory;
  bool terminal = false;
  std::uint16_t rows = 0;  // of the terminal; 0: left
  std::uint16_t columns = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  std::optional<std::uint32_t> umask;
  ContainerCapabilities capabilities;
  std::vector<ContainerRlimit> rlimits;
  bool no_new_privileges = false;
  bool new_keyring = true;
  std::optional<std::string> oom_score_adj;
  std::optional<ContainerScheduler> scheduler;
  std::optional<int> io_priority;
  std::string apparmor_profile;
  std::string selinux_label;
  unsigned preserved_fds = 0;  // 3, 4, ... that stay open
  // Bits of CPUs, for a process that joins: where the runtime makes it, and where it runs. Empty:
  // left.
  std::vector<std::uint64_t> initial_cpus;
  std::vector<std::uint64_t> cpus;
};

// A program of the container, run with its process's rights before the process's own.
struct ContainerHook {
  std::string path;
  std::vector<std::string> argv;  // not empty
  std::vector<std::string> environment;
  std::optional<std::uint32_t> timeout;  // seconds
};

// set_mempolicy(2): the mode with its flags, and bits of nodes.
struct ContainerMemoryPolicy {
  int mode = 0;
  std::vector<std::uint64_t> nodes;
};

// A network device of the runtime's, for the container to have.
struct ContainerNetDevice {
  std::string name;
  std::string new_name;  // inside; empty: the same; "%d" in it is a free number
};

struct JoinedNamespace {
  std::uint64_t flag = 0;  // CLONE_NEW*
  UniqueFd fd;
};

struct ContainerPlan {
  ContainerProcess process;
  std::string root;     // of the host, absolute, without links
  UniqueFd root_mount;  // the same as a detached mount, where the child could not open it itself
  bool read_only_root = false;
  unsigned long root_propagation = 0;  // MS_SHARED, ..., with MS_REC or without; 0: MS_SLAVE
  bool pivot = true;                   // false: --no-pivot
  std::uint64_t new_namespaces = 0;    // CLONE_NEW*
  std::vector<JoinedNamespace> joined;
  std::vector<IdMapping> uid_map;
  std::vector<IdMapping> gid_map;
  std::vector<std::pair<std::string, std::string>> time_offsets;  // clock, "SECONDS NANOSECONDS"
  std::string hostname;                                           // empty: left
  std::string domainname;
  std::vector<ContainerNetDevice> net_devices;
  std::vector<std::pair<std::string, std::string>> sysctls;  // path below /proc/sys, value
  std::vector<ContainerMount> mounts;
  std::vector<ContainerDevice> devices;
  std::vector<ContainerLink> links;
  bool runtime_hooks = false;  // the child waits for the parent to have run them
  std::vector<ContainerHook> start_hooks;
  std::vector<std::string> masked_paths;
  std::vector<std::string> read_only_paths;
  std::optional<std::uint32_t> personality;
  std::optional<ContainerMemoryPolicy> memory_policy;
  // Each is installed by itself, in this order; the kernel obeys the strictest answer.
  std::vector<std::vector<sock_filter>> filters;
  unsigned filter_flags = 0;  // SECCOMP_FILTER_FLAG_* of the last one
};

// The container's process ends up in a user namespace other than the runtime's, made or joined.
[[nodiscard]] inline bool enters_user_namespace(const ContainerPlan& plan) {
  return (plan.new_namespaces & CLONE_NEWUSER) != 0 ||
         std::ranges::find(plan.joined, std::uint64_t{CLONE_NEWUSER}, &JoinedNamespace::flag) !=
             plan.joined.end();
}

// Of every mount that the container takes over from the host: what happens there is seen, or not
// even that; what happens here is never seen there.
[[nodiscard]] inline unsigned long inherited_propagation(const ContainerPlan& plan) {
  const bool apart = (plan.root_propagation & (MS_PRIVATE | MS_UNBINDABLE)) != 0;
  return (apart ? MS_PRIVATE : MS_SLAVE) | MS_REC;
}

}  // namespace yett

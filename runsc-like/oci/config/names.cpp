#include "runsc-like/oci/config/names.hpp"

#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <linux/personality.h>
#include <linux/sched.h>
#include <sys/resource.h>

#include <array>

#include "runsc-like/oci/config/linux.hpp"

namespace yett::oci {
namespace {

constexpr auto kCapabilities = std::to_array<Named>({
    {"CAP_CHOWN", CAP_CHOWN},
    {"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
    {"CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH},
    {"CAP_FOWNER", CAP_FOWNER},
    {"CAP_FSETID", CAP_FSETID},
    {"CAP_KILL", CAP_KILL},
    {"CAP_SETGID", CAP_SETGID},
    {"CAP_SETUID", CAP_SETUID},
    {"CAP_SETPCAP", CAP_SETPCAP},
    {"CAP_LINUX_IMMUTABLE", CAP_LINUX_IMMUTABLE},
    {"CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE},
    {"CAP_NET_BROADCAST", CAP_NET_BROADCAST},
    {"CAP_NET_ADMIN", CAP_NET_ADMIN},
    {"CAP_NET_RAW", CAP_NET_RAW},
    {"CAP_IPC_LOCK", CAP_IPC_LOCK},
    {"CAP_IPC_OWNER", CAP_IPC_OWNER},
    {"CAP_SYS_MODULE", CAP_SYS_MODULE},
    {"CAP_SYS_RAWIO", CAP_SYS_RAWIO},
    {"CAP_SYS_CHROOT", CAP_SYS_CHROOT},
    {"CAP_SYS_PTRACE", CAP_SYS_PTRACE},
    {"CAP_SYS_PACCT", CAP_SYS_PACCT},
    {"CAP_SYS_ADMIN", CAP_SYS_ADMIN},
    {"CAP_SYS_BOOT", CAP_SYS_BOOT},
    {"CAP_SYS_NICE", CAP_SYS_NICE},
    {"CAP_SYS_RESOURCE", CAP_SYS_RESOURCE},
    {"CAP_SYS_TIME", CAP_SYS_TIME},
    {"CAP_SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG},
    {"CAP_MKNOD", CAP_MKNOD},
    {"CAP_LEASE", CAP_LEASE},
    {"CAP_AUDIT_WRITE", CAP_AUDIT_WRITE},
    {"CAP_AUDIT_CONTROL", CAP_AUDIT_CONTROL},
    {"CAP_SETFCAP", CAP_SETFCAP},
    {"CAP_MAC_OVERRIDE", CAP_MAC_OVERRIDE},
    {"CAP_MAC_ADMIN", CAP_MAC_ADMIN},
    {"CAP_SYSLOG", CAP_SYSLOG},
    {"CAP_WAKE_ALARM", CAP_WAKE_ALARM},
    {"CAP_BLOCK_SUSPEND", CAP_BLOCK_SUSPEND},
    {"CAP_AUDIT_READ", CAP_AUDIT_READ},
    {"CAP_PERFMON", CAP_PERFMON},
    {"CAP_BPF", CAP_BPF},
    {"CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE},
});

constexpr auto kRlimits = std::to_array<Named>({
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
});

// SCHED_ISO, which the specification lists, is in no kernel: sched_setattr(2) refuses its number.
constexpr auto kSchedulerPolicies = std::to_array<Named>({
    {"SCHED_OTHER", SCHED_NORMAL},
    {"SCHED_FIFO", SCHED_FIFO},
    {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},
    {"SCHED_ISO", 4},
    {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE},
});

constexpr auto kSchedulerFlags = std::to_array<Named>({
    {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
    {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
    {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
});

// linux/ioprio.h, whose inline functions use a keyword of C++ as a name.
constexpr auto kIoClasses = std::to_array<Named>({
    {"IOPRIO_CLASS_RT", 1},
    {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3},
});

constexpr Named type(std::string_view name, NamespaceType value) {
  return {name, static_cast<std::uint64_t>(value)};
}
constexpr auto kNamespaces = std::to_array<Named>({
    type("cgroup", NamespaceType::cgroup),
    type("ipc", NamespaceType::ipc),
    type("mount", NamespaceType::mount),
    type("network", NamespaceType::network),
    type("pid", NamespaceType::pid),
    type("time", NamespaceType::time),
    type("user", NamespaceType::user),
    type("uts", NamespaceType::uts),
});

constexpr Named mode(std::string_view name, Propagation value) {
  return {name, static_cast<std::uint64_t>(value)};
}
// The recursive names are what engines write; propagation of the root is always set recursively.
constexpr auto kPropagations = std::to_array<Named>({
    mode("shared", Propagation::shared),
    mode("rshared", Propagation::shared),
    mode("slave", Propagation::slave),
    mode("rslave", Propagation::slave),
    mode("private", Propagation::private_),
    mode("rprivate", Propagation::private_),
    mode("unbindable", Propagation::unbindable),
    mode("runbindable", Propagation::unbindable),
});

constexpr auto kPersonalities = std::to_array<Named>({
    {"LINUX", PER_LINUX},
    {"LINUX32", PER_LINUX32},
});

constexpr auto kMemoryPolicyModes = std::to_array<Named>({
    {"MPOL_DEFAULT", MPOL_DEFAULT},
    {"MPOL_PREFERRED", MPOL_PREFERRED},
    {"MPOL_BIND", MPOL_BIND},
    {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
    {"MPOL_LOCAL", MPOL_LOCAL},
    {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
    {"MPOL_WEIGHTED_INTERLEAVE", 6},  // newer than the distribution's headers
});

constexpr auto kMemoryPolicyFlags = std::to_array<Named>({
    {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
    {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
    {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
});

constexpr auto kHooks = std::to_array<std::string_view>({
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
});

}  // namespace

std::span<const Named> capability_names() { return kCapabilities; }
std::span<const Named> rlimit_names() { return kRlimits; }
std::span<const Named> scheduler_policy_names() { return kSchedulerPolicies; }
std::span<const Named> scheduler_flag_names() { return kSchedulerFlags; }
std::span<const Named> io_class_names() { return kIoClasses; }
std::span<const Named> namespace_names() { return kNamespaces; }
std::span<const Named> propagation_names() { return kPropagations; }
std::span<const Named> personality_names() { return kPersonalities; }
std::span<const Named> memory_policy_mode_names() { return kMemoryPolicyModes; }
std::span<const Named> memory_policy_flag_names() { return kMemoryPolicyFlags; }
std::span<const std::string_view> hook_names() { return kHooks; }

}  // namespace yett::oci

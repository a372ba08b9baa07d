#include "sandbox/profiles/fallback_checks.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/profiles/argument_checks.hpp"
#include "sandbox/profiles/prctl_checks.hpp"

namespace yett {
namespace {

using checks::all_of;
using checks::is;
using checks::k32Bits;

constexpr auto kRefuse = SyscallAction::refuse;
constexpr auto kAllow = SyscallAction::allow;

// A socket type, whatever SOCK_CLOEXEC and SOCK_NONBLOCK say.
consteval ArgumentCheck socket_type(std::uint64_t type) {
  return {
      .index = 1, .mask = k32Bits & ~std::uint64_t{SOCK_CLOEXEC | SOCK_NONBLOCK}, .value = type};
}

// 0 is the caller itself in each of these registers.
template <std::uint8_t Index>
inline constexpr std::array kOwn{all_of<is(Index, 0)>()};
constexpr std::array kOwnPriority{all_of<is(0, 0 /* PRIO_PROCESS */), is(1, 0)>()};
constexpr std::array kOwnLimits{all_of<is(0, 0), ArgumentCheck{2, UINT64_MAX, 0}>()};

// A pair is connected for good, but for datagrams: they can be sent to any socket that has a name.
constexpr std::array kConnectedPair{all_of<is(0, AF_UNIX), socket_type(SOCK_STREAM)>(),
                                    all_of<is(0, AF_UNIX), socket_type(SOCK_SEQPACKET)>()};
constexpr std::array kInternetStream{
    all_of<is(0, AF_INET), socket_type(SOCK_STREAM), is(2, 0)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_STREAM), is(2, IPPROTO_TCP)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_STREAM), is(2, 0)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_STREAM), is(2, IPPROTO_TCP)>(),
};

constexpr std::string_view kAttributes =
    "the user's other files have the same owner, and Landlock knows no right for it";
constexpr std::string_view kBrokered =
    "done by the supervisor, in places that the sandbox may write in";
constexpr std::string_view kOthers = "the user's other processes are in reach of it";
constexpr std::string_view kNamedSockets =
    "sockets with a name lead to the user's services, and Landlock knows no right for them";

// SECURITY(fallback-attributes): Landlock has no rights for modes, owners, times and extended
// attributes. SECURITY(fallback-others): none for scheduling either.
constexpr auto kCalls = std::to_array<FallbackCall>({
    {"chmod", {}, EPERM, SyscallAction::notify, kRefuse, kBrokered},
    {"fchmod", {}, EPERM, SyscallAction::notify, kRefuse, kBrokered},
    {"fchmodat", {}, EPERM, SyscallAction::notify, kRefuse, kBrokered},
    {"fchmodat2", {}, EPERM, SyscallAction::notify, kRefuse, kBrokered},
    {"chown", {}, EPERM, kRefuse, kRefuse, kAttributes},
    {"fchown", {}, EPERM, kRefuse, kRefuse, kAttributes},
    {"lchown", {}, EPERM, kRefuse, kRefuse, kAttributes},
    {"fchownat", {}, EPERM, kRefuse, kRefuse, kAttributes},
    {"utime", {}, EPERM, kRefuse, kRefuse, kAttributes},
    {"utimes", {}, EPERM, kRefuse, kRefuse, kAttributes},
    {"futimesat", {}, EPERM, kRefuse, kRefuse, kAttributes},
    {"utimensat", {}, EPERM, SyscallAction::notify, kRefuse, kBrokered},
    {"setxattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kAttributes},
    {"lsetxattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kAttributes},
    {"fsetxattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kAttributes},
    {"removexattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kAttributes},
    {"lremovexattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kAttributes},
    {"fremovexattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kAttributes},
    {"inotify_add_watch",
     {},
     EACCES,
     kRefuse,
     kRefuse,
     "what happens to the user's other files would be told"},
    {"sched_setaffinity", kOwn<0>, EPERM, kAllow, kRefuse, kOthers},
    {"setpriority", kOwnPriority, EPERM, kAllow, kRefuse, kOthers},
    {"prlimit64", kOwnLimits, EPERM, kAllow, SyscallAction::notify, kOthers},
    {"pidfd_open", {}, ENOSYS, kRefuse, kRefuse, kOthers},
    {"socketpair", kConnectedPair, EAFNOSUPPORT, kAllow, kRefuse, kNamedSockets},
});

constexpr auto kWithoutNetwork = std::to_array<FallbackCall>({
    {"socket", {}, EAFNOSUPPORT, kRefuse, kRefuse, kNamedSockets},
    {"connect", {}, EACCES, kRefuse, kRefuse, kNamedSockets},
    {"bind", {}, EACCES, kRefuse, kRefuse, kNamedSockets},
    {"listen", {}, EACCES, kRefuse, kRefuse, kNamedSockets},
});

constexpr auto kHostNetwork = std::to_array<FallbackCall>({
    {"socket", kInternetStream, EAFNOSUPPORT, kAllow, kRefuse, kNamedSockets},
});

constexpr std::string_view kRedirected =
    "the supervisor looks whether the name leads to what the sandbox has changed";
// A call on a descriptor alone names nothing.
template <std::uint8_t Flags>
inline constexpr std::array kUnnamed{
    all_of<ArgumentCheck{.index = Flags, .mask = AT_EMPTY_PATH, .value = AT_EMPTY_PATH}>()};

// What the supervisor has looked at already, or nobody is asked about.
constexpr std::array kSteered{
    all_of<ArgumentCheck{.index = 5, .mask = UINT64_MAX, .value = kSteeredCall}>()};

consteval FallbackCall redirected(std::string_view name) {
  return {name, {}, EACCES, SyscallAction::notify, kRefuse, kRedirected};
}

constexpr auto kRedirectedCalls = std::to_array<FallbackCall>({
    redirected("open"),
    redirected("openat"),
    redirected("creat"),
    redirected("stat"),
    redirected("lstat"),
    redirected("access"),
    redirected("faccessat"),
    redirected("faccessat2"),
    redirected("readlink"),
    redirected("readlinkat"),
    redirected("getcwd"),
    redirected("mkdir"),
    redirected("mkdirat"),
    redirected("rmdir"),
    redirected("unlink"),
    redirected("unlinkat"),
    redirected("symlink"),
    redirected("symlinkat"),
    redirected("link"),
    redirected("linkat"),
    redirected("rename"),
    redirected("renameat"),
    redirected("renameat2"),
    redirected("truncate"),
    {"chdir", kSteered, EACCES, kAllow, SyscallAction::notify, kRedirected},
    {"execve", kSteered, EACCES, kAllow, SyscallAction::notify, kRedirected},
    {"execveat", kUnnamed<4>, EACCES, kAllow, SyscallAction::notify, kRedirected},
    {"newfstatat", kUnnamed<3>, EACCES, kAllow, SyscallAction::notify, kRedirected},
    {"statx", kUnnamed<2>, EACCES, kAllow, SyscallAction::notify, kRedirected},
    {"openat2", {}, ENOSYS, kRefuse, kRefuse, kRedirected},
    {"getxattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kRedirected},
    {"lgetxattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kRedirected},
    {"listxattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kRedirected},
    {"llistxattr", {}, EOPNOTSUPP, kRefuse, kRefuse, kRedirected},
});
constexpr auto kAttributeCalls =
    std::to_array<std::string_view>({"chmod", "fchmod", "fchmodat", "fchmodat2", "utimensat"});

// SECURITY(disk-hidden): what the disk's meter cannot see, or not in time.
constexpr ArgumentCheck kStaysDumpable{.index = 1, .mask = UINT64_MAX, .value = 1};
constexpr std::array kPunchesHole{all_of<is(1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)>()};
constexpr std::string_view kInFlight =
    "descriptors on their way are nobody's, and what they hold open is counted";
constexpr auto kCountedDisk = std::to_array<FallbackCall>({
    {"prctl", checks::kPlainPrctl<kStaysDumpable>, EPERM, kAllow, kRefuse,
     "what its processes hold open is counted"},
    {"fallocate", kPunchesHole, EOPNOTSUPP, kAllow, kRefuse,
     "it takes any room at once, and what is taken is looked at"},
    {"sendmsg", {}, EPERM, kRefuse, kRefuse, kInFlight},
    {"sendmmsg", {}, EPERM, kRefuse, kRefuse, kInFlight},
});

constexpr auto kMakesTasks = std::to_array<std::string_view>({"clone", "fork", "vfork"});

constexpr auto kNeedsNamespace = std::to_array<std::string_view>({
    "shmget",
    "shmat",
    "shmctl",
    "semget",
    "semop",
    "semtimedop",
    "semctl",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "mq_open",
    "mq_unlink",
    "mq_timedsend",
    "mq_timedreceive",
    "mq_notify",
    "add_key",
    "request_key",
    "keyctl",
    "sched_setparam",
    "sched_setattr",
    "ioprio_set",
    "migrate_pages",
    "move_pages",
    "sched_setscheduler",
    "clone3",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "open_tree_attr",
    "sethostname",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "setdomainname",
    "bpf",
    "setxattrat",
    "removexattrat",
    "file_setattr",
    "fanotify_init",
    "fanotify_mark",
    "process_madvise",
    "perf_event_open",
    "open_by_handle_at",
    "seccomp",
    "pidfd_getfd",
    "process_mrelease",
    "landlock_restrict_self",
    "userfaultfd",
    "kcmp",
});

}  // namespace

std::span<const FallbackCall> fallback_calls() { return kCalls; }
std::span<const FallbackCall> fallback_calls_without_network() { return kWithoutNetwork; }
std::span<const FallbackCall> fallback_calls_of_host_network() { return kHostNetwork; }

std::span<const FallbackCall> calls_of_counted_disk() { return kCountedDisk; }

std::span<const FallbackCall> redirected_calls() { return kRedirectedCalls; }

bool is_redirected(std::string_view call) {
  return std::ranges::find(kAttributeCalls, call) != kAttributeCalls.end() ||
         std::ranges::find(kRedirectedCalls, call, &FallbackCall::name) != kRedirectedCalls.end();
}

bool makes_tasks(std::string_view call) {
  return std::ranges::find(kMakesTasks, call) != kMakesTasks.end();
}

bool needs_namespace(std::string_view call) {
  return std::ranges::find(kNeedsNamespace, call) != kNeedsNamespace.end();
}

}  // namespace yett

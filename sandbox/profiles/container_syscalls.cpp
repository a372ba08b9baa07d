#include "sandbox/profiles/container_syscalls.hpp"

#include <linux/capability.h>
#include <linux/personality.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/profiles/argument_checks.hpp"
#include "sandbox/profiles/builtin_syscalls.hpp"
#include "sandbox/profiles/syscall_table.hpp"

namespace yett {
namespace {

using checks::all_of;
using checks::kOneOf;

// "Not this value" of an int argument: one of its bits differs.
template <std::uint8_t Index, std::uint64_t Value, std::uint64_t Bit>
constexpr ArgumentChecks bit_differs() {
  return all_of<ArgumentCheck{.index = Index,
                              .mask = std::uint64_t{1} << Bit,
                              .value = ~Value & (std::uint64_t{1} << Bit)}>();
}

// TIOCSTI, TIOCLINUX and TIOCCONS are 0x5412, 0x541C and 0x541D: allowed is what differs from
// 0x541. in a bit above the last digit, and every other last digit. SECURITY(terminal-injection)
template <std::uint64_t... Bits>
inline constexpr std::array<ArgumentChecks, sizeof...(Bits)> kOutside541{
    bit_differs<1, 0x5410, Bits>()...};
template <std::size_t A, std::size_t B>
constexpr std::array<ArgumentChecks, A + B> joined(const std::array<ArgumentChecks, A>& first,
                                                   const std::array<ArgumentChecks, B>& second) {
  std::array<ArgumentChecks, A + B> both{};
  std::ranges::copy(first, both.begin());
  std::ranges::copy(second, both.begin() + A);
  return both;
}
constexpr auto kIoctl = joined(kOutside541<4, 31, 30, 15, 13, 11, 9, 8, 14, 12, 10, 7, 6, 5, 29, 28,
                                           27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16>,
                               kOneOf<1, 0x5410, 0x5411, 0x5413, 0x5414, 0x5415, 0x5416, 0x5417,
                                      0x5418, 0x5419, 0x541A, 0x541B, 0x541E, 0x541F>);

// Any level but TCP (6), or any option but TCP_ULP (31). SECURITY(socket-options)
template <std::uint64_t... Bits>
inline constexpr std::array<ArgumentChecks, sizeof...(Bits)> kOtherLevel{
    bit_differs<1, IPPROTO_TCP, Bits>()...};
template <std::uint64_t... Bits>
inline constexpr std::array<ArgumentChecks, sizeof...(Bits)> kOtherOption{
    bit_differs<2, 31, Bits>()...};
constexpr auto kSetsockopt =
    joined(kOtherLevel<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>,
           kOtherOption<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>);

// SECURITY(socket-families)
constexpr const auto& kSocket = kOneOf<0, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET>;
constexpr const auto& kSocketpair = kOneOf<0, AF_UNIX>;

// SECURITY(no-namespaces)
constexpr std::uint64_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                          CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                          CLONE_NEWNET;
constexpr std::array kClone{
    all_of<ArgumentCheck{.index = 0, .mask = kNamespaceFlags, .value = 0}>()};

constexpr std::uint64_t kUname26 = UNAME26;
constexpr std::uint64_t kLinux32 = PER_LINUX32;
constexpr std::uint64_t kBoth = kLinux32 + kUname26;
constexpr std::uint64_t kQuery = 0xFFFFFFFF;
constexpr const auto& kPersonality = kOneOf<0, 0, kLinux32, kUname26, kBoth, kQuery>;

constexpr int kAnybody = -1;

// One call that differs from the plugin table: there for who has `capability`.
struct ContainerCall {
  std::string_view name;
  int capability = kAnybody;
  ArgumentConditions when;
  int refuse_errno = EPERM;
  std::string_view reason;
};

constexpr ArgumentConditions kAny{};
constexpr std::string_view kIpc = "System V and POSIX IPC live in the container's ipc namespace";
constexpr std::string_view kDrop = "services that begin as root drop what they hold with it";
constexpr std::string_view kOwnPids = "the pid namespace bounds whom it reaches";
constexpr std::string_view kOwnRules = "a process may only narrow itself with it";
constexpr std::string_view kRlimits = "bounded by rlimits, which only CAP_SYS_RESOURCE raises";
constexpr std::string_view kPackages = "package managers and archivers use it on their files";
constexpr std::string_view kAdmin = "for who was given CAP_SYS_ADMIN, as in Docker's profile";
constexpr std::string_view kDebug = "debuggers; the container's own processes are all it reaches";
constexpr std::string_view kAio = "databases and nginx read files with it";
constexpr std::string_view kGiven = "for who was given the capability, as in Docker's profile";
constexpr std::string_view kNuma = "NUMA placement, for who was given CAP_SYS_NICE";

constexpr auto kContainer = std::to_array<ContainerCall>({
    {"ioctl", kAnybody, kIoctl, EPERM, "all but typing into a terminal and taking the console"},
    {"socket", kAnybody, kSocket, EAFNOSUPPORT,
     "UNIX, INET, INET6, netlink and packet: no AF_ALG, vsock, CAN, TIPC and the like"},
    {"socketpair", kAnybody, kSocketpair, EAFNOSUPPORT, "UNIX only"},
    {"setsockopt", kAnybody, kSetsockopt, ENOPROTOOPT, "all but kernel TLS (TCP_ULP)"},
    {"clone", kAnybody, kClone, EPERM, "no new namespace"},
    {"personality", kAnybody, kPersonality, EPERM, "Docker's five: address randomisation stays on"},
    {"shmget", kAnybody, kAny, EPERM, kIpc},
    {"shmat", kAnybody, kAny, EPERM, kIpc},
    {"shmctl", kAnybody, kAny, EPERM, kIpc},
    {"shmdt", kAnybody, kAny, EPERM, kIpc},
    {"semget", kAnybody, kAny, EPERM, kIpc},
    {"semop", kAnybody, kAny, EPERM, kIpc},
    {"semctl", kAnybody, kAny, EPERM, kIpc},
    {"semtimedop", kAnybody, kAny, EPERM, kIpc},
    {"msgget", kAnybody, kAny, EPERM, kIpc},
    {"msgsnd", kAnybody, kAny, EPERM, kIpc},
    {"msgrcv", kAnybody, kAny, EPERM, kIpc},
    {"msgctl", kAnybody, kAny, EPERM, kIpc},
    {"mq_open", kAnybody, kAny, EPERM, kIpc},
    {"mq_unlink", kAnybody, kAny, EPERM, kIpc},
    {"mq_timedsend", kAnybody, kAny, EPERM, kIpc},
    {"mq_timedreceive", kAnybody, kAny, EPERM, kIpc},
    {"mq_notify", kAnybody, kAny, EPERM, kIpc},
    {"mq_getsetattr", kAnybody, kAny, EPERM, kIpc},
    {"capset", kAnybody, kAny, EPERM, kDrop},
    {"setfsuid", kAnybody, kAny, EPERM, kDrop},
    {"setfsgid", kAnybody, kAny, EPERM, kDrop},
    {"chroot", CAP_SYS_CHROOT, kAny, EPERM, "dpkg --root, sshd and ftp servers confine with it"},
    {"getdents", kAnybody, kAny, EPERM, "older C libraries list directories with it"},
    {"mincore", kAnybody, kAny, EPERM, "older Go programs call it at their start"},
    {"eventfd", kAnybody, kAny, EPERM, "as eventfd2; older C libraries"},
    {"signalfd", kAnybody, kAny, EPERM, "as signalfd4; older C libraries"},
    {"splice", kAnybody, kAny, EPERM, "proxies and cp move data with it"},
    {"tee", kAnybody, kAny, EPERM, "the command tee and proxies copy pipes with it"},
    {"removexattr", kAnybody, kAny, EPERM, kPackages},
    {"lremovexattr", kAnybody, kAny, EPERM, kPackages},
    {"fremovexattr", kAnybody, kAny, EPERM, kPackages},
    {"sync", kAnybody, kAny, EPERM, kPackages},
    {"syncfs", kAnybody, kAny, EPERM, kPackages},
    {"readahead", kAnybody, kAny, EPERM, kPackages},
    {"name_to_handle_at", kAnybody, kAny, EPERM,
     "only names what an open path reaches; opening by handle has a rule of its own"},
    {"mlock", kAnybody, kAny, EPERM, kRlimits},
    {"mlock2", kAnybody, kAny, EPERM, kRlimits},
    {"mlockall", kAnybody, kAny, EPERM, kRlimits},
    {"munlockall", kAnybody, kAny, EPERM, kRlimits},
    {"memfd_secret", kAnybody, kAny, EPERM, kRlimits},
    {"setrlimit", kAnybody, kAny, EPERM, kRlimits},
    {"prlimit64", kAnybody, kAny, EPERM, kRlimits},
    {"tkill", kAnybody, kAny, EPERM, kOwnPids},
    {"rt_sigqueueinfo", kAnybody, kAny, EPERM, kOwnPids},
    {"rt_tgsigqueueinfo", kAnybody, kAny, EPERM, kOwnPids},
    {"pidfd_send_signal", kAnybody, kAny, EPERM, kOwnPids},
    {"process_mrelease", kAnybody, kAny, EPERM, kOwnPids},
    {"get_robust_list", kAnybody, kAny, EPERM, kOwnPids},
    {"ioprio_get", kAnybody, kAny, EPERM, kOwnPids},
    {"ioprio_set", kAnybody, kAny, EPERM, kOwnPids},
    {"sched_setparam", kAnybody, kAny, EPERM, kOwnPids},
    {"sched_setscheduler", kAnybody, kAny, EPERM, kOwnPids},
    {"sched_setattr", kAnybody, kAny, EPERM, kOwnPids},
    {"sched_getattr", kAnybody, kAny, EPERM, kOwnPids},
    {"sched_rr_get_interval", kAnybody, kAny, EPERM, kOwnPids},
    {"execveat", kAnybody, kAny, EPERM, "fexecve of the C library, with which services start"},
    {"seccomp", kAnybody, kAny, EPERM, kOwnRules},
    {"landlock_create_ruleset", kAnybody, kAny, EPERM, kOwnRules},
    {"landlock_add_rule", kAnybody, kAny, EPERM, kOwnRules},
    {"landlock_restrict_self", kAnybody, kAny, EPERM, kOwnRules},
    {"mseal", kAnybody, kAny, EPERM, kOwnRules},
    {"futex_waitv", kAnybody, kAny, EPERM, "as futex, for several at once"},
    {"futex_wait", kAnybody, kAny, EPERM, "as futex, in its newer form"},
    {"futex_wake", kAnybody, kAny, EPERM, "as futex, in its newer form"},
    {"futex_requeue", kAnybody, kAny, EPERM, "as futex, in its newer form"},
    {"map_shadow_stack", kAnybody, kAny, EPERM, "shadow stacks, which the C library sets up"},
    {"io_setup", kAnybody, kAny, EPERM, kAio},
    {"io_destroy", kAnybody, kAny, EPERM, kAio},
    {"io_getevents", kAnybody, kAny, EPERM, kAio},
    {"io_pgetevents", kAnybody, kAny, EPERM, kAio},
    {"io_submit", kAnybody, kAny, EPERM, kAio},
    {"io_cancel", kAnybody, kAny, EPERM, kAio},
    {"ptrace", kAnybody, kAny, EPERM, kDebug},
    {"process_vm_readv", kAnybody, kAny, EPERM, kDebug},
    {"process_vm_writev", kAnybody, kAny, EPERM, kDebug},
    {"adjtimex", kAnybody, kAny, EPERM, "reading; a change needs CAP_SYS_TIME"},
    {"clock_adjtime", kAnybody, kAny, EPERM, "reading; a change needs CAP_SYS_TIME"},
    {"kcmp", CAP_SYS_PTRACE, kAny, EPERM, kDebug},
    {"pidfd_getfd", CAP_SYS_PTRACE, kAny, EPERM, kDebug},
    {"process_madvise", CAP_SYS_PTRACE, kAny, EPERM, kDebug},
    {"mbind", CAP_SYS_NICE, kAny, ENOSYS, kNuma},
    {"get_mempolicy", CAP_SYS_NICE, kAny, ENOSYS, kNuma},
    {"set_mempolicy", CAP_SYS_NICE, kAny, ENOSYS, kNuma},
    {"set_mempolicy_home_node", CAP_SYS_NICE, kAny, ENOSYS, kNuma},
    {"mount", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"umount2", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"open_tree", CAP_SYS_ADMIN, kAny, ENOSYS, kAdmin},
    {"move_mount", CAP_SYS_ADMIN, kAny, ENOSYS, kAdmin},
    {"fsopen", CAP_SYS_ADMIN, kAny, ENOSYS, kAdmin},
    {"fsconfig", CAP_SYS_ADMIN, kAny, ENOSYS, kAdmin},
    {"fsmount", CAP_SYS_ADMIN, kAny, ENOSYS, kAdmin},
    {"fspick", CAP_SYS_ADMIN, kAny, ENOSYS, kAdmin},
    {"mount_setattr", CAP_SYS_ADMIN, kAny, ENOSYS, kAdmin},
    {"unshare", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"setns", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"sethostname", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"setdomainname", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"quotactl", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"quotactl_fd", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"fanotify_init", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"fanotify_mark", CAP_SYS_ADMIN, kAny, EPERM, kAdmin},
    {"open_by_handle_at", CAP_DAC_READ_SEARCH, kAny, EPERM, kGiven},
    {"syslog", CAP_SYSLOG, kAny, EPERM, kGiven},
    {"settimeofday", CAP_SYS_TIME, kAny, EPERM, kGiven},
    {"clock_settime", CAP_SYS_TIME, kAny, EPERM, kGiven},
    {"reboot", CAP_SYS_BOOT, kAny, EPERM, kGiven},
    {"bpf", CAP_BPF, kAny, EPERM, kGiven},
    {"perf_event_open", CAP_PERFMON, kAny, EPERM, kGiven},
});

constexpr std::uint64_t mask_of(std::initializer_list<int> capabilities) {
  std::uint64_t mask = 0;
  for (const int each : capabilities) mask |= std::uint64_t{1} << each;
  return mask;
}

bool holds(std::uint64_t capabilities, int capability) {
  return capability == kAnybody || (capabilities >> capability & 1) != 0;
}

SyscallRule rule_of(const SyscallEntry& entry, SyscallAction action, std::string_view reason) {
  static const FileName kSource("container");
  SyscallRule rule;
  rule.name = entry.name;
  rule.number = entry.number;
  rule.action = action;
  rule.reason = reason;
  rule.source.file = kSource;
  return rule;
}

// As the plugin table has it, but without its conditions on arguments: Docker's profile has none.
SyscallRule common_rule(const SyscallEntry& entry) {
  const SyscallRule plugin = make_plugin_rule(entry);
  SyscallRule rule = rule_of(entry, SyscallAction::allow, "a call that every image needs");
  rule.object_checked = plugin.object_checked;
  if (plugin.reachable()) return rule;
  // Nobody is killed for an obsolete call that the kernel itself would only refuse.
  rule.action = SyscallAction::refuse;
  rule.refuse_errno = plugin.action == SyscallAction::kill ? EPERM : plugin.refuse_errno;
  rule.quiet = plugin.quiet;
  rule.reason = "refused by Docker's profile too, or needed by no image";
  return rule;
}

SyscallRule container_rule(const SyscallEntry& entry, const ContainerCall& call,
                           std::uint64_t capabilities) {
  const bool given = holds(capabilities, call.capability);
  SyscallRule rule =
      rule_of(entry, given ? SyscallAction::allow : SyscallAction::refuse, call.reason);
  rule.refuse_errno = call.refuse_errno;
  rule.quiet = !given && call.refuse_errno == ENOSYS;
  // Who may make namespaces by unshare may make them by clone.
  const bool may_clone = call.name == "clone" && holds(capabilities, CAP_SYS_ADMIN);
  if (given && !may_clone) rule.when = call.when;
  return rule;
}

}  // namespace

std::uint64_t default_container_capabilities() {
  return mask_of({CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID,
                  CAP_SETUID, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT,
                  CAP_MKNOD, CAP_AUDIT_WRITE, CAP_SETFCAP});
}

std::vector<SyscallRule> make_container_syscalls(std::uint64_t capabilities) {
  std::vector<SyscallRule> rules;
  rules.reserve(all_syscalls().size());
  for (const SyscallEntry& entry : all_syscalls()) {
    const auto* call = std::ranges::find(kContainer, entry.name.text(), &ContainerCall::name);
    rules.push_back(call == kContainer.end() ? common_rule(entry)
                                             : container_rule(entry, *call, capabilities));
  }
  return rules;
}

}  // namespace yett

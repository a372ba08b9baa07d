#include "sandbox/profiles/argument_profiles.hpp"

#include <asm/prctl.h>
#include <asm/termbits.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/in6.h>
#include <linux/memfd.h>
#include <linux/personality.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>

// asm/ioctls.h by its own header: sys/ioctl.h brings a struct termios that clashes with termbits.h.
#include <asm/ioctls.h>

#include "sandbox/profiles/argument_checks.hpp"
#include "sandbox/profiles/fingerprint.hpp"
#include "sandbox/profiles/prctl_checks.hpp"

namespace yett {
namespace {

using checks::all_of;
using checks::is;
using checks::k32Bits;
using checks::kOneOf;

// An int argument with no bits but those in `allowed`; and one without those in `refused`.
consteval ArgumentCheck only_bits(std::uint8_t index, std::uint64_t allowed) {
  return {.index = index, .mask = k32Bits & ~allowed, .value = 0};
}
consteval ArgumentCheck no_bits(std::uint8_t index, std::uint64_t refused) {
  return {.index = index, .mask = refused, .value = 0};
}
// A socket type, whatever SOCK_CLOEXEC and SOCK_NONBLOCK say.
consteval ArgumentCheck socket_type(std::uint64_t type) {
  return {
      .index = 1, .mask = k32Bits & ~std::uint64_t{SOCK_CLOEXEC | SOCK_NONBLOCK}, .value = type};
}

// Terminals, non-blocking and close-on-exec flags. TIOCSTI and TIOCLINUX (typing into another's
// terminal) and TIOCCONS are what this list is for. SECURITY(terminal-injection)
constexpr std::uint64_t kTcgets2 = 0x802C542A;  // _IOR('T', 0x2A, struct termios2)
constexpr std::uint64_t kTcsets2 = 0x402C542B;
constexpr const auto& kIoctl =
    kOneOf<1, TCGETS, TIOCGWINSZ, FIONBIO, FIOCLEX, FIONCLEX, FIONREAD, FIOASYNC, TCSETS, TCSETSW,
           TCSETSF, TIOCGPGRP, TIOCSPGRP, TIOCSWINSZ, TCSBRK, TCSBRKP, TCXONC, TCFLSH, TIOCOUTQ,
           TIOCGSID, TIOCSCTTY, TIOCNOTTY, TIOCGPTN, TIOCSPTLCK, TIOCGPTPEER, kTcgets2, kTcsets2,
           kTcsets2 + 1, kTcsets2 + 2>;

constexpr const auto& kMadvise =
    kOneOf<2, MADV_DONTNEED, MADV_FREE, MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
           MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
           MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, 22 /* MADV_POPULATE_READ */,
           23 /* MADV_POPULATE_WRITE */, 24 /* MADV_DONTNEED_LOCKED */, 25 /* MADV_COLLAPSE */>;

// UNIX, INET, INET6 as streams and datagrams of their own protocol: no raw sockets, no MPTCP, SCTP
// or ping sockets, no netlink, packet, vsock, AF_ALG. SECURITY(socket-families)
constexpr std::array kSocket{
    all_of<is(0, AF_UNIX), socket_type(SOCK_STREAM)>(),
    all_of<is(0, AF_UNIX), socket_type(SOCK_DGRAM)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_STREAM), is(2, 0)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_STREAM), is(2, IPPROTO_TCP)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_DGRAM), is(2, 0)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_DGRAM), is(2, IPPROTO_UDP)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_STREAM), is(2, 0)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_STREAM), is(2, IPPROTO_TCP)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_DGRAM), is(2, 0)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_DGRAM), is(2, IPPROTO_UDP)>(),
};
constexpr std::array kStreamSocket{
    all_of<is(0, AF_UNIX), socket_type(SOCK_STREAM)>(),
    all_of<is(0, AF_UNIX), socket_type(SOCK_DGRAM)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_STREAM), is(2, 0)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_STREAM), is(2, IPPROTO_TCP)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_STREAM), is(2, 0)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_STREAM), is(2, IPPROTO_TCP)>(),
};
constexpr std::array kUnixSocket{
    all_of<is(0, AF_UNIX), socket_type(SOCK_STREAM)>(),
    all_of<is(0, AF_UNIX), socket_type(SOCK_DGRAM)>(),
};
// The rest of kSocket.
constexpr std::array kInternetSocket{
    all_of<is(0, AF_INET), socket_type(SOCK_STREAM), is(2, 0)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_STREAM), is(2, IPPROTO_TCP)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_DGRAM), is(2, 0)>(),
    all_of<is(0, AF_INET), socket_type(SOCK_DGRAM), is(2, IPPROTO_UDP)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_STREAM), is(2, 0)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_STREAM), is(2, IPPROTO_TCP)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_DGRAM), is(2, 0)>(),
    all_of<is(0, AF_INET6), socket_type(SOCK_DGRAM), is(2, IPPROTO_UDP)>(),
};
static_assert(kUnixSocket.size() + kInternetSocket.size() == kSocket.size());
constexpr std::array kSocketpair{
    all_of<is(0, AF_UNIX), socket_type(SOCK_STREAM)>(),
    all_of<is(0, AF_UNIX), socket_type(SOCK_DGRAM)>(),
    all_of<is(0, AF_UNIX), socket_type(SOCK_SEQPACKET)>(),
};

// What servers and clients set. Not here: TCP_ULP (kernel TLS), attached filters, marks, device
// binding, TCP_REPAIR, netfilter's options. SECURITY(socket-options)
constexpr std::array kSetsockopt{
    all_of<is(1, SOL_SOCKET), is(2, SO_REUSEADDR)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_REUSEPORT)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_KEEPALIVE)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_LINGER)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_RCVBUF)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_SNDBUF)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_RCVTIMEO)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_SNDTIMEO)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_BROADCAST)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_OOBINLINE)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_PASSCRED)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_RCVLOWAT)>(),
    all_of<is(1, SOL_SOCKET), is(2, SO_DONTROUTE)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_NODELAY)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_CORK)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_KEEPIDLE)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_KEEPINTVL)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_KEEPCNT)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_SYNCNT)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_LINGER2)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_DEFER_ACCEPT)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_QUICKACK)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_USER_TIMEOUT)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_FASTOPEN)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_NOTSENT_LOWAT)>(),
    all_of<is(1, IPPROTO_TCP), is(2, TCP_FASTOPEN_CONNECT)>(),
    all_of<is(1, IPPROTO_IP), is(2, IP_TOS)>(),
    all_of<is(1, IPPROTO_IP), is(2, IP_TTL)>(),
    all_of<is(1, IPPROTO_IP), is(2, IP_PKTINFO)>(),
    all_of<is(1, IPPROTO_IP), is(2, IP_RECVERR)>(),
    all_of<is(1, IPPROTO_IP), is(2, IP_MTU_DISCOVER)>(),
    all_of<is(1, IPPROTO_IP), is(2, IP_BIND_ADDRESS_NO_PORT)>(),
    all_of<is(1, IPPROTO_IPV6), is(2, IPV6_V6ONLY)>(),
    all_of<is(1, IPPROTO_IPV6), is(2, IPV6_RECVPKTINFO)>(),
    all_of<is(1, IPPROTO_IPV6), is(2, IPV6_RECVERR)>(),
    all_of<is(1, IPPROTO_IPV6), is(2, IPV6_UNICAST_HOPS)>(),
    all_of<is(1, IPPROTO_IPV6), is(2, IPV6_TCLASS)>(),
    all_of<is(1, IPPROTO_IPV6), is(2, IPV6_MTU_DISCOVER)>(),
};

// Reading is harmless but for netfilter's tables, which begin at option 64 of the IP levels.
constexpr std::array kGetsockopt{
    all_of<is(1, SOL_SOCKET)>(),
    all_of<is(1, IPPROTO_TCP)>(),
    all_of<is(1, IPPROTO_IP), only_bits(2, 63)>(),
    all_of<is(1, IPPROTO_IPV6), only_bits(2, 63)>(),
};

// SECURITY(no-namespaces): clone3, whose flags lie in memory, is refused as a whole.
constexpr std::uint64_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                          CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                          CLONE_NEWNET;
constexpr std::array kClone{all_of<no_bits(0, kNamespaceFlags)>()};

constexpr const auto& kFcntl =
    kOneOf<1, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC, F_GETLK, F_SETLK,
           F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG,
           F_GETPIPE_SZ, F_SETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS>;

constexpr std::array kSetgroups{all_of<is(0, 0)>()};

// The file type bits; 0 means a regular file.
consteval ArgumentCheck file_type(std::uint8_t index, std::uint64_t type) {
  return {.index = index, .mask = S_IFMT, .value = type};
}
constexpr std::array kMknod{all_of<file_type(1, S_IFREG)>(), all_of<file_type(1, S_IFIFO)>(),
                            all_of<file_type(1, 0)>()};
constexpr std::array kMknodat{all_of<file_type(2, S_IFREG)>(), all_of<file_type(2, S_IFIFO)>(),
                              all_of<file_type(2, 0)>()};

constexpr const auto& kPersonality = kOneOf<0, 0xFFFFFFFF, PER_LINUX>;
constexpr const auto& kSetpriority = kOneOf<0, 0 /* PRIO_PROCESS */, 1 /* PRIO_PGRP */>;

constexpr const auto& kPrctl = checks::kPlainPrctl<>;

constexpr const auto& kArchPrctl = kOneOf<0, ARCH_SET_FS, ARCH_GET_FS, ARCH_SET_GS, ARCH_GET_GS>;

// Private or shared, with either clock; no priority inheritance, whose code paths gave kernel
// control more than once.
template <std::uint64_t... Commands>
inline constexpr std::array<ArgumentChecks, sizeof...(Commands)> kFutexCommands{
    all_of<ArgumentCheck{1, k32Bits & ~std::uint64_t{FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME},
                         Commands}>()...};
constexpr const auto& kFutex =
    kFutexCommands<FUTEX_WAIT_BITSET, FUTEX_WAKE, FUTEX_WAIT, FUTEX_WAKE_BITSET, FUTEX_CMP_REQUEUE,
                   FUTEX_REQUEUE, FUTEX_WAKE_OP>;

constexpr const auto& kTimerCreate = kOneOf<0, CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME>;

// new_limit is a pointer: all 64 bits.
constexpr std::array kPrlimit{all_of<ArgumentCheck{2, UINT64_MAX, 0}>()};

// Without MFD_EXEC, vm.memfd_noexec=1 makes each one sealed against execution. SECURITY(memfd-exec)
constexpr std::uint64_t kMfdNoexecSeal = 8;
constexpr std::uint64_t kMfdExec = 16;
constexpr std::array kMemfd{
    all_of<only_bits(1, MFD_CLOEXEC | MFD_ALLOW_SEALING | kMfdNoexecSeal)>()};
constexpr std::array kExecutableMemfd{
    all_of<only_bits(1, MFD_CLOEXEC | MFD_ALLOW_SEALING | kMfdNoexecSeal | kMfdExec)>()};

constexpr std::uint64_t kPidfdFlags = 0x800 | 0x80;  // PIDFD_NONBLOCK, PIDFD_THREAD
constexpr std::array kPidfdOpen{all_of<only_bits(1, kPidfdFlags)>()};

// SECURITY(fast-open): it connects, and Landlock's hook for that is not asked.
template <std::uint8_t Flags>
inline constexpr std::array kNoFastOpen{all_of<no_bits(Flags, MSG_FASTOPEN)>()};
constexpr std::array kSending{CallConditions{"sendto", kNoFastOpen<3>},
                              CallConditions{"sendmsg", kNoFastOpen<2>},
                              CallConditions{"sendmmsg", kNoFastOpen<3>}};

constexpr ArgumentConditions kAny{};
constexpr auto kRefuse = SyscallAction::refuse;
constexpr std::string_view kOneIdMapped =
    "the user namespace maps one id and the task has no capability: only that id can be set";

constexpr auto kProfiles = std::to_array<ArgumentProfile>({
    {"ioctl", kIoctl, kRefuse, EPERM, false, "terminal and fd-flag requests only"},
    {"mmap", kAny, kRefuse, EPERM, false,
     "hot: stays a constant allow; what may be executed is the mounts' to say"},
    {"mprotect", kAny, kRefuse, EPERM, false,
     "hot: stays a constant allow; what may be executed is the mounts' to say"},
    {"madvise", kMadvise, kRefuse, EINVAL, false,
     "no page merging, poisoning or page-out, which other tenants can feel"},
    {"socket", kSocket, kRefuse, EAFNOSUPPORT, false,
     "UNIX, INET and INET6 streams and datagrams only"},
    {"socketpair", kSocketpair, kRefuse, EAFNOSUPPORT, false, "UNIX only"},
    {"setsockopt", kSetsockopt, kRefuse, ENOPROTOOPT, false,
     "what servers and clients set; no kernel TLS, socket filters, marks or netfilter"},
    {"getsockopt", kGetsockopt, kRefuse, ENOPROTOOPT, false, "all but netfilter's tables"},
    {"clone", kClone, kRefuse, EPERM, false, "no new namespace"},
    {"kill", kAny, kRefuse, EPERM, false, "the pid namespace bounds whom it reaches"},
    {"fcntl", kFcntl, kRefuse, EINVAL, false, "no leases and no directory notification"},
    {"setuid", kAny, kRefuse, EPERM, false, kOneIdMapped},
    {"setgid", kAny, kRefuse, EPERM, false, kOneIdMapped},
    {"setreuid", kAny, kRefuse, EPERM, false, kOneIdMapped},
    {"setregid", kAny, kRefuse, EPERM, false, kOneIdMapped},
    {"setgroups", kSetgroups, kRefuse, EPERM, false, "no supplementary group"},
    {"setresuid", kAny, kRefuse, EPERM, false, kOneIdMapped},
    {"setresgid", kAny, kRefuse, EPERM, false, kOneIdMapped},
    {"mknod", kMknod, kRefuse, EPERM, false, "FIFOs and regular files, no device nodes"},
    {"personality", kPersonality, kRefuse, EPERM, false,
     "query and PER_LINUX: address randomisation stays on"},
    {"setpriority", kSetpriority, kRefuse, EPERM, false, "processes and groups, which are its own"},
    {"prctl", kPrctl, kRefuse, EINVAL, false,
     "names, dumpable, parent death signal, no_new_privs and other harmless ones"},
    // glibc asks for the shadow stack's state (0x3001) at each start.
    {"arch_prctl", kArchPrctl, kRefuse, EINVAL, true, "thread pointer only"},
    {"futex", kFutex, kRefuse, ENOSYS, false, "no priority-inheriting operation"},
    {"sched_setaffinity", kAny, kRefuse, EPERM, false,
     "the pid namespace bounds whom it reaches, the cgroup which CPUs"},
    {"timer_create", kTimerCreate, kRefuse, EINVAL, false, "no CPU clocks"},
    {"tgkill", kAny, kRefuse, EPERM, false, "the pid namespace bounds whom it reaches"},
    {"mknodat", kMknodat, kRefuse, EPERM, false, "FIFOs and regular files, no device nodes"},
    {"prlimit64", kPrlimit, SyscallAction::notify, EPERM, false,
     "reading passes; the supervisor answers a change"},
    {"memfd_create", kMemfd, kRefuse, EACCES, false, "never an executable one"},
    {"pkey_mprotect", kAny, kRefuse, EPERM, false, "as mprotect; JIT compilers use it"},
    {"pkey_alloc", kAny, kRefuse, EPERM, false, "JIT compilers use it"},
    {"pkey_free", kAny, kRefuse, EPERM, false, "JIT compilers use it"},
    {"pidfd_open", kPidfdOpen, kRefuse, EINVAL, false,
     "the pid namespace bounds whom it reaches; pidfd_getfd is refused"},
});

constexpr std::uint64_t kFingerprint = [] {
  Fingerprint fingerprint;
  for (const ArgumentProfile& profile : kProfiles) {
    fingerprint.add(profile.name).add(static_cast<std::uint64_t>(profile.otherwise));
    fingerprint.add(static_cast<std::uint64_t>(profile.refuse_errno)).add(profile.quiet ? 1U : 0U);
    for (const ArgumentChecks checks : profile.when)
      for (const ArgumentCheck& check : checks)
        fingerprint.add(check.index).add(check.mask).add(check.value);
  }
  return fingerprint.value();
}();

}  // namespace

std::uint64_t argument_profiles_fingerprint() { return kFingerprint; }

std::span<const ArgumentProfile> all_argument_profiles() { return kProfiles; }

const ArgumentProfile* find_argument_profile(std::string_view name) {
  const auto* found = std::ranges::find(kProfiles, name, &ArgumentProfile::name);
  return found == kProfiles.end() ? nullptr : found;
}

ArgumentConditions executable_memfd_conditions() { return kExecutableMemfd; }
ArgumentConditions stream_socket_conditions() { return kStreamSocket; }
ArgumentConditions unix_socket_conditions() { return kUnixSocket; }
ArgumentConditions internet_socket_conditions() { return kInternetSocket; }
std::span<const CallConditions> conditions_without_fast_open() { return kSending; }

}  // namespace yett

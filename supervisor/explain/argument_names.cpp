#include "supervisor/explain/argument_names.hpp"

#include <asm/prctl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>

namespace yett {
namespace {

#define YETT_NAME(constant) \
  NamedValue { static_cast<std::uint64_t>(constant), #constant }

// The access mode, which is no set of bits, comes from the low two.
constexpr std::array kOpenFlags{
    YETT_NAME(O_WRONLY),    YETT_NAME(O_RDWR),     YETT_NAME(O_CREAT),  YETT_NAME(O_EXCL),
    YETT_NAME(O_NOCTTY),    YETT_NAME(O_TRUNC),    YETT_NAME(O_APPEND), YETT_NAME(O_NONBLOCK),
    YETT_NAME(O_DIRECTORY), YETT_NAME(O_NOFOLLOW), YETT_NAME(O_CLOEXEC)};
constexpr std::array kCloneFlags{
    YETT_NAME(CLONE_VM),      YETT_NAME(CLONE_FS),     YETT_NAME(CLONE_FILES),
    YETT_NAME(CLONE_SIGHAND), YETT_NAME(CLONE_PTRACE), YETT_NAME(CLONE_VFORK),
    YETT_NAME(CLONE_PARENT),  YETT_NAME(CLONE_THREAD), YETT_NAME(CLONE_NEWNS),
    YETT_NAME(CLONE_SYSVSEM), YETT_NAME(CLONE_SETTLS), YETT_NAME(CLONE_NEWCGROUP),
    YETT_NAME(CLONE_NEWUTS),  YETT_NAME(CLONE_NEWIPC), YETT_NAME(CLONE_NEWUSER),
    YETT_NAME(CLONE_NEWPID),  YETT_NAME(CLONE_NEWNET), YETT_NAME(CLONE_IO)};
constexpr std::array kProtection{YETT_NAME(PROT_READ), YETT_NAME(PROT_WRITE), YETT_NAME(PROT_EXEC)};
constexpr std::array kAccess{YETT_NAME(R_OK), YETT_NAME(W_OK), YETT_NAME(X_OK)};
constexpr std::array kUnlink{YETT_NAME(AT_REMOVEDIR), YETT_NAME(AT_SYMLINK_NOFOLLOW),
                             YETT_NAME(AT_EMPTY_PATH)};
constexpr std::array kFamilies{YETT_NAME(AF_UNSPEC),    YETT_NAME(AF_UNIX),    YETT_NAME(AF_INET),
                               YETT_NAME(AF_INET6),     YETT_NAME(AF_NETLINK), YETT_NAME(AF_PACKET),
                               YETT_NAME(AF_KEY),       YETT_NAME(AF_ALG),     YETT_NAME(AF_VSOCK),
                               YETT_NAME(AF_BLUETOOTH), YETT_NAME(AF_CAN),     YETT_NAME(AF_TIPC),
                               YETT_NAME(AF_XDP)};
constexpr std::array kTypes{YETT_NAME(SOCK_STREAM), YETT_NAME(SOCK_DGRAM), YETT_NAME(SOCK_RAW),
                            YETT_NAME(SOCK_RDM), YETT_NAME(SOCK_SEQPACKET)};
constexpr std::array kPtrace{
    YETT_NAME(PTRACE_TRACEME),  YETT_NAME(PTRACE_PEEKTEXT), YETT_NAME(PTRACE_PEEKDATA),
    YETT_NAME(PTRACE_PEEKUSER), YETT_NAME(PTRACE_POKETEXT), YETT_NAME(PTRACE_POKEDATA),
    YETT_NAME(PTRACE_CONT),     YETT_NAME(PTRACE_KILL),     YETT_NAME(PTRACE_SINGLESTEP),
    YETT_NAME(PTRACE_ATTACH),   YETT_NAME(PTRACE_DETACH),   YETT_NAME(PTRACE_SYSCALL),
    YETT_NAME(PTRACE_SEIZE),    YETT_NAME(PTRACE_INTERRUPT)};
constexpr std::array kPrctl{YETT_NAME(PR_SET_PDEATHSIG),
                            YETT_NAME(PR_SET_DUMPABLE),
                            YETT_NAME(PR_SET_NAME),
                            YETT_NAME(PR_SET_SECCOMP),
                            YETT_NAME(PR_CAPBSET_DROP),
                            YETT_NAME(PR_SET_SECUREBITS),
                            YETT_NAME(PR_SET_TIMERSLACK),
                            YETT_NAME(PR_SET_MM),
                            YETT_NAME(PR_SET_PTRACER),
                            YETT_NAME(PR_SET_NO_NEW_PRIVS),
                            YETT_NAME(PR_CAP_AMBIENT),
                            YETT_NAME(PR_SET_SPECULATION_CTRL),
                            YETT_NAME(PR_MCE_KILL),
                            YETT_NAME(PR_SET_TSC),
                            YETT_NAME(PR_TASK_PERF_EVENTS_DISABLE)};
constexpr std::array kArchPrctl{YETT_NAME(ARCH_SET_GS), YETT_NAME(ARCH_SET_FS),
                                YETT_NAME(ARCH_GET_FS), YETT_NAME(ARCH_GET_GS),
                                YETT_NAME(ARCH_SET_CPUID)};
constexpr std::array kIoctl{
    YETT_NAME(TIOCSTI),      YETT_NAME(TIOCCONS),      YETT_NAME(TIOCLINUX),
    YETT_NAME(TCGETS),       YETT_NAME(TCSETS),        YETT_NAME(TIOCGWINSZ),
    YETT_NAME(TIOCSWINSZ),   YETT_NAME(TIOCSCTTY),     YETT_NAME(FIONREAD),
    YETT_NAME(SIOCGIFCONF),  YETT_NAME(SIOCGIFFLAGS),  YETT_NAME(SIOCGIFADDR),
    YETT_NAME(SIOCGIFINDEX), YETT_NAME(SIOCGIFHWADDR), YETT_NAME(TIOCVHANGUP)};
constexpr std::array kFcntl{
    YETT_NAME(F_DUPFD),      YETT_NAME(F_GETFD),     YETT_NAME(F_SETFD),        YETT_NAME(F_GETFL),
    YETT_NAME(F_SETFL),      YETT_NAME(F_GETLK),     YETT_NAME(F_SETLK),        YETT_NAME(F_SETLKW),
    YETT_NAME(F_SETOWN),     YETT_NAME(F_SETLEASE),  YETT_NAME(F_GETLEASE),     YETT_NAME(F_NOTIFY),
    YETT_NAME(F_SETPIPE_SZ), YETT_NAME(F_ADD_SEALS), YETT_NAME(F_DUPFD_CLOEXEC)};
constexpr std::array kMadvise{YETT_NAME(MADV_NORMAL),      YETT_NAME(MADV_DONTNEED),
                              YETT_NAME(MADV_REMOVE),      YETT_NAME(MADV_MERGEABLE),
                              YETT_NAME(MADV_UNMERGEABLE), YETT_NAME(MADV_HWPOISON),
                              YETT_NAME(MADV_PAGEOUT),     YETT_NAME(MADV_FREE)};
constexpr std::array kResources{
    YETT_NAME(RLIMIT_CPU),   YETT_NAME(RLIMIT_FSIZE),  YETT_NAME(RLIMIT_DATA),
    YETT_NAME(RLIMIT_STACK), YETT_NAME(RLIMIT_CORE),   YETT_NAME(RLIMIT_RSS),
    YETT_NAME(RLIMIT_NPROC), YETT_NAME(RLIMIT_NOFILE), YETT_NAME(RLIMIT_MEMLOCK),
    YETT_NAME(RLIMIT_AS),    YETT_NAME(RLIMIT_NICE),   YETT_NAME(RLIMIT_RTPRIO)};
constexpr std::array kSeek{YETT_NAME(SEEK_SET), YETT_NAME(SEEK_CUR), YETT_NAME(SEEK_END)};
constexpr std::array kClocks{YETT_NAME(CLOCK_REALTIME), YETT_NAME(CLOCK_MONOTONIC),
                             YETT_NAME(CLOCK_PROCESS_CPUTIME_ID),
                             YETT_NAME(CLOCK_THREAD_CPUTIME_ID), YETT_NAME(CLOCK_BOOTTIME)};
constexpr std::array kPersonalities{YETT_NAME(PER_LINUX), YETT_NAME(ADDR_NO_RANDOMIZE),
                                    YETT_NAME(READ_IMPLIES_EXEC)};
constexpr std::array kKeyctl{
    YETT_NAME(KEYCTL_GET_KEYRING_ID), YETT_NAME(KEYCTL_JOIN_SESSION_KEYRING),
    YETT_NAME(KEYCTL_UPDATE),         YETT_NAME(KEYCTL_REVOKE),
    YETT_NAME(KEYCTL_SEARCH),         YETT_NAME(KEYCTL_READ)};
constexpr std::array kBpf{YETT_NAME(BPF_MAP_CREATE), YETT_NAME(BPF_MAP_LOOKUP_ELEM),
                          YETT_NAME(BPF_MAP_UPDATE_ELEM), YETT_NAME(BPF_PROG_LOAD),
                          YETT_NAME(BPF_OBJ_GET)};
constexpr std::array kMount{YETT_NAME(MS_RDONLY), YETT_NAME(MS_NOSUID),  YETT_NAME(MS_NODEV),
                            YETT_NAME(MS_NOEXEC), YETT_NAME(MS_REMOUNT), YETT_NAME(MS_BIND),
                            YETT_NAME(MS_MOVE),   YETT_NAME(MS_REC),     YETT_NAME(MS_PRIVATE)};
#undef YETT_NAME

std::span<const NamedValue> names_of(NameTable table) {
  switch (table) {
    case NameTable::open_flags:
      return kOpenFlags;
    case NameTable::clone_flags:
      return kCloneFlags;
    case NameTable::mmap_protection:
      return kProtection;
    case NameTable::access_mode:
      return kAccess;
    case NameTable::unlink_flags:
      return kUnlink;
    case NameTable::socket_family:
      return kFamilies;
    case NameTable::socket_type:
      return kTypes;
    case NameTable::ptrace_request:
      return kPtrace;
    case NameTable::prctl_option:
      return kPrctl;
    case NameTable::arch_prctl_option:
      return kArchPrctl;
    case NameTable::ioctl_request:
      return kIoctl;
    case NameTable::fcntl_command:
      return kFcntl;
    case NameTable::madvise_advice:
      return kMadvise;
    case NameTable::resource:
      return kResources;
    case NameTable::seek:
      return kSeek;
    case NameTable::clock:
      return kClocks;
    case NameTable::personality:
      return kPersonalities;
    case NameTable::keyctl_operation:
      return kKeyctl;
    case NameTable::bpf_command:
      return kBpf;
    case NameTable::mount_flags:
      return kMount;
  }
  return {};
}

}  // namespace

std::string value_name(NameTable table, std::uint64_t value) {
  for (const NamedValue& named : names_of(table))
    if (named.value == value) return fmt::format("{} ({})", named.name, value);
  return value < 4096 ? std::to_string(value) : fmt::format("{:#x}", value);
}

std::string flag_names(NameTable table, std::uint64_t value) {
  std::string text;
  for (const NamedValue& named : names_of(table)) {
    if ((value & named.value) != named.value || named.value == 0) continue;
    text += (text.empty() ? "" : "|") + std::string(named.name);
    value &= ~named.value;
  }
  if (value != 0) text += fmt::format("{}{:#x}", text.empty() ? "" : "|", value);
  return text.empty() ? "0" : text;
}

}  // namespace yett

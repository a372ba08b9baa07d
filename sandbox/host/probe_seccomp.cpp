#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/host/attempt.hpp"
#include "sandbox/host/probe_parts.hpp"

namespace yett {
namespace {

// Newer than Debian 12's headers.
constexpr unsigned long kWaitKillableRecv = 1UL << 5;  // Linux 5.19
constexpr unsigned long kNotifSetFlags = 0x40082104;   // Linux 6.6: SECCOMP_IOW(4, __u64)
constexpr unsigned long kSyncWakeUp = 1;               // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP

// A listener's fd, for a filter that allows everything.
int install_listener(unsigned long flags) {
  sock_filter allow{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW};
  const sock_fprog program{.len = 1, .filter = &allow};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  const long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                  SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &program);
  return listener < 0 ? -errno : static_cast<int>(listener);
}

Attempt try_notify() {
  seccomp_notif_sizes sizes{};
  if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
    return {errno, "seccomp GET_NOTIF_SIZES"};
  return attempted(install_listener(0), "seccomp filter with a listener");
}

Attempt try_wait_killable() {
  return attempted(install_listener(kWaitKillableRecv), "seccomp flag WAIT_KILLABLE_RECV");
}

Attempt try_sync_wake_up() {
  const int listener = install_listener(0);
  if (listener < 0) return {-listener, "seccomp filter with a listener"};
  if (::ioctl(listener, kNotifSetFlags, kSyncWakeUp) != 0)
    return {errno, "ioctl SECCOMP_IOCTL_NOTIF_SET_FLAGS"};
  return {};
}

}  // namespace

void probe_seccomp(KernelFeatures& features) {
  features.seccomp_notify = feature_of(attempt_in_child(try_notify));
  features.seccomp_wait_killable = feature_of(attempt_in_child(try_wait_killable));
  features.seccomp_sync_wake_up = feature_of(attempt_in_child(try_sync_wake_up));
}

// Flags are looked at before the filter, of which there is none: EFAULT is a flag that is known.
std::vector<std::string> probe_seccomp_flags() {
  struct Flag {
    const char* name;
    unsigned long bits;
  };
  constexpr Flag kFlags[] = {{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
                             {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
                             {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
                             {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
                              SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillableRecv}};
  std::vector<std::string> known;
  for (const Flag& flag : kFlags)
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag.bits, nullptr) != 0 && errno == EFAULT)
      known.emplace_back(flag.name);
  return known;
}

}  // namespace yett

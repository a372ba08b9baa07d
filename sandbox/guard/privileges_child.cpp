#include "sandbox/guard/privileges_child.hpp"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace yett {

ChildResult drop_groups() { return from_libc(::syscall(SYS_setgroups, 0, nullptr)); }

namespace {

// Where the user has less, it stays less: rootless, that of locked memory, which nobody asked for.
bool is_lower_already(const RlimitEntry& entry, Mode mode) {
  struct rlimit has{};
  const bool may_be = entry.resource == RLIMIT_MEMLOCK || mode == Mode::fallback;
  return may_be && ::getrlimit(static_cast<__rlimit_resource>(entry.resource), &has) == 0 &&
         has.rlim_max < entry.hard;
}

}  // namespace

ChildResult set_rlimits(const SandboxPlan& plan) {
  for (const RlimitEntry& entry : plan.rlimits) {
    if (plan.mode != Mode::full && is_lower_already(entry, plan.mode)) continue;
    const struct rlimit limit{.rlim_cur = entry.soft, .rlim_max = entry.hard};
    YETT_STEP(from_libc(::setrlimit(static_cast<__rlimit_resource>(entry.resource), &limit)));
  }
  return kDone;
}

ChildResult bound_tasks(const SandboxPlan& plan) {
  constexpr unsigned kOwn = 4;  // the supervisor, its helpers, and PID 1
  for (const RlimitEntry& entry : plan.rlimits) {
    if (entry.resource != RLIMIT_NPROC) continue;
    const struct rlimit limit{.rlim_cur = entry.soft + kOwn, .rlim_max = entry.hard + kOwn};
    return from_libc(::setrlimit(RLIMIT_NPROC, &limit));
  }
  return kDone;
}

ChildResult take_identity(const SandboxPlan& plan) {
  const unsigned gid = plan.identity.gid;
  const unsigned uid = plan.identity.uid;
  YETT_STEP(from_libc(::syscall(SYS_setresgid, gid, gid, gid)));
  YETT_STEP(from_libc(::syscall(SYS_setresuid, uid, uid, uid)));
  ::umask(plan.process.umask);
  return kDone;
}

ChildResult drop_capabilities(std::uint64_t kept) {
  constexpr unsigned long kAllLocked = SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                       SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                       SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  // Who keeps some gives them up by becoming another id: capabilities(7), "Effect of user ID
  // changes".
  const unsigned long root = kept != 0 ? 0 : SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP;
  YETT_STEP(from_libc(::prctl(PR_SET_SECUREBITS, kAllLocked | root, 0, 0, 0)));
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (((kept >> capability) & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the kernel's last capability
    return errno;
  }
  YETT_STEP(from_libc(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)));
  struct __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const auto low = static_cast<unsigned>(kept);
  const auto high = static_cast<unsigned>(kept >> 32);
  const struct __user_cap_data_struct left[2]{
      {.effective = low, .permitted = low, .inheritable = 0},
      {.effective = high, .permitted = high, .inheritable = 0}};
  return from_libc(::syscall(SYS_capset, &header, left));
}

ChildResult forbid_new_privileges() { return from_libc(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

}  // namespace yett

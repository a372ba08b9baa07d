// New namespaces and other ones: each flag through unshare and clone, clone3, setns, pivot_root.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>

#include "attempt.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static long clone_with(unsigned long flags) {
  const long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  return child;
}

static long clone3_with(unsigned long flags) {
  struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
  const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) _exit(0);
  return child;
}

#define NAMESPACE(name, flag)                                             \
  static long unshare_##name(void) { return syscall(SYS_unshare, flag); } \
  static long clone_##name(void) { return clone_with(flag); }             \
  static long clone3_##name(void) { return clone3_with(flag); }

NAMESPACE(mnt, CLONE_NEWNS)
NAMESPACE(uts, CLONE_NEWUTS)
NAMESPACE(ipc, CLONE_NEWIPC)
NAMESPACE(user, CLONE_NEWUSER)
NAMESPACE(pid, CLONE_NEWPID)
NAMESPACE(net, CLONE_NEWNET)
NAMESPACE(cgroup, CLONE_NEWCGROUP)

static long unshare_time(void) { return syscall(SYS_unshare, CLONE_NEWTIME); }
static long unshare_user_high(void) { return syscall(SYS_unshare, CLONE_NEWUSER | 1UL << 32); }
// The upper half of the flags is ignored by clone(2): the lower decides.
static long clone_user_high(void) { return clone_with(CLONE_NEWUSER | 1UL << 40); }

static long setns_of(const char* path, int type) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  return syscall(SYS_setns, fd, type);
}

static long setns_net(void) { return setns_of("/proc/self/ns/net", CLONE_NEWNET); }
static long setns_uts(void) { return setns_of("/proc/self/ns/uts", CLONE_NEWUTS); }
static long setns_init_uts(void) { return setns_of("/proc/1/ns/uts", CLONE_NEWUTS); }
static long setns_pidfd(void) {
  const long fd = syscall(SYS_pidfd_open, getppid(), 0);
  return fd < 0 ? -1 : syscall(SYS_setns, fd, CLONE_NEWUTS);
}

// Allowed: what every program does.
static long plain_fork(void) { return clone_with(0); }

static const struct attempt kAttempts[] = {
    {"unshare_mnt", unshare_mnt},
    {"unshare_uts", unshare_uts},
    {"unshare_ipc", unshare_ipc},
    {"unshare_user", unshare_user},
    {"unshare_pid", unshare_pid},
    {"unshare_net", unshare_net},
    {"unshare_cgroup", unshare_cgroup},
    {"unshare_time", unshare_time},
    {"clone_mnt", clone_mnt},
    {"clone_uts", clone_uts},
    {"clone_ipc", clone_ipc},
    {"clone_user", clone_user},
    {"clone_pid", clone_pid},
    {"clone_net", clone_net},
    {"clone_cgroup", clone_cgroup},
    {"clone3_mnt", clone3_mnt},
    {"clone3_uts", clone3_uts},
    {"clone3_ipc", clone3_ipc},
    {"clone3_user", clone3_user},
    {"clone3_pid", clone3_pid},
    {"clone3_net", clone3_net},
    {"clone3_cgroup", clone3_cgroup},
    {"setns_net", setns_net},
    {"setns_uts", setns_uts},
    {"setns_init_uts", setns_init_uts},
    {"setns_pidfd", setns_pidfd},
    {"plain_fork", plain_fork},
    {"unshare_user_high", unshare_user_high},
    {"clone_user_high", clone_user_high},
};

ATTEMPTS_MAIN(kAttempts)

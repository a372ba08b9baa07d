// The mount tree from inside: new mounts by both interfaces, umount of masks, a way out by chroot.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "attempt.h"

#define MS_REMOUNT_BIND (32UL | 4096UL)
#define DETACH 2

static long mount_call(const char* source, const char* target, const char* type,
                       unsigned long flags) {
  return syscall(SYS_mount, source, target, type, flags, NULL);
}

static long mount_tmpfs(void) { return mount_call("none", "/tmp", "tmpfs", 0); }
static long mount_proc(void) { return mount_call("none", "/tmp", "proc", 0); }
static long mount_bind(void) { return mount_call("/usr", "/tmp", NULL, 4096); }
static long mount_cgroup(void) {  // the way of release_agent (CVE-2022-0492)
  return mount_call("none", "/tmp", "cgroup2", 0);
}
static long remount_usr_rw(void) { return mount_call(NULL, "/usr", NULL, MS_REMOUNT_BIND); }
static long make_shared(void) { return mount_call(NULL, "/", NULL, 1UL << 20); }
static long umount_tmp(void) { return syscall(SYS_umount2, "/tmp", DETACH); }
static long umount_usr(void) { return syscall(SYS_umount2, "/usr", DETACH); }
static long umount_proc(void) { return syscall(SYS_umount2, "/proc", DETACH); }
static long umount_mask(void) { return syscall(SYS_umount2, "/proc/kallsyms", DETACH); }
static long pivot_root_call(void) { return syscall(SYS_pivot_root, "/", "/"); }
static long chroot_tmp(void) { return syscall(SYS_chroot, "/tmp"); }
static long open_tree_call(void) {
  return syscall(SYS_open_tree, AT_FDCWD, "/usr", OPEN_TREE_CLONE);
}
static long fsopen_call(void) { return syscall(SYS_fsopen, "tmpfs", 0); }
static long fspick_call(void) { return syscall(SYS_fspick, AT_FDCWD, "/tmp", 0); }
static long mount_setattr_call(void) {
  struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_NOEXEC};
  return syscall(SYS_mount_setattr, AT_FDCWD, "/tmp", 0, &attributes, sizeof attributes);
}
static long move_mount_call(void) {
  return syscall(SYS_move_mount, AT_FDCWD, "/usr", AT_FDCWD, "/tmp", 0);
}

// Allowed: a directory in the place that is its own.
static long make_directory(void) {
  char path[] = "/tmp/attempt-XXXXXX";
  return mkdtemp(path) == NULL ? -1 : rmdir(path);
}

static const struct attempt kAttempts[] = {
    {"mount_tmpfs", mount_tmpfs},
    {"mount_proc", mount_proc},
    {"mount_bind", mount_bind},
    {"mount_cgroup", mount_cgroup},
    {"remount_usr_rw", remount_usr_rw},
    {"make_shared", make_shared},
    {"umount_tmp", umount_tmp},
    {"umount_usr", umount_usr},
    {"umount_mask", umount_mask},
    {"umount_proc", umount_proc},
    {"pivot_root", pivot_root_call},
    {"chroot", chroot_tmp},
    {"open_tree", open_tree_call},
    {"fsopen", fsopen_call},
    {"fspick", fspick_call},
    {"mount_setattr", mount_setattr_call},
    {"move_mount", move_mount_call},
    {"make_directory", make_directory},
};

ATTEMPTS_MAIN(kAttempts)

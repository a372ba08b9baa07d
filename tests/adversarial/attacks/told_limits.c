// The files that tell the limits: writing them, taking them away, looking behind them.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "attempt.h"

static long open_written(const char* path) { return open(path, O_WRONLY); }
static long write_meminfo(void) { return open_written("/proc/meminfo"); }
static long write_stat(void) { return open_written("/proc/stat"); }
static long write_online(void) { return open_written("/sys/devices/system/cpu/online"); }
static long write_memory_max(void) { return open_written("/sys/fs/cgroup/memory.max"); }
static long truncate_meminfo(void) { return truncate("/proc/meminfo", 0); }
static long unlink_online(void) { return unlink("/sys/devices/system/cpu/online"); }
static long chmod_online(void) { return chmod("/sys/devices/system/cpu/online", 0666); }
static long make_in_sys(void) { return mkdir("/sys/mine", 0755); }

// A descriptor of the right kind, opened again for writing.
static long reopen_meminfo(void) {
  const int file = open("/proc/meminfo", O_PATH);
  if (file < 0) return -1;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  return open(path, O_RDWR);
}

static long umount_meminfo(void) { return syscall(SYS_umount2, "/proc/meminfo", 2); }
static long umount_proc(void) { return syscall(SYS_umount2, "/proc", 2); }
static long copy_proc(void) { return syscall(SYS_open_tree, AT_FDCWD, "/proc", 1); }

// What lies below a mount point of /proc, through another name of the same directory.
static long behind_meminfo(void) {
  char text[64] = {0};
  const int file = open("/proc/self/root/proc/self/root/proc/meminfo", O_RDONLY);
  if (file < 0) return -1;
  if (read(file, text, sizeof text - 1) <= 0) return -1;
  errno = EACCES;
  return strtoul(text + strcspn(text, "0123456789"), NULL, 10) == 262144 ? -1 : 0;
}

// Allowed: reading.
static long read_meminfo(void) {
  char text[64];
  return read(open("/proc/meminfo", O_RDONLY), text, sizeof text);
}

static const struct attempt kAttempts[] = {
    {"write_meminfo", write_meminfo},       {"write_stat", write_stat},
    {"write_online", write_online},         {"write_memory_max", write_memory_max},
    {"truncate_meminfo", truncate_meminfo}, {"unlink_online", unlink_online},
    {"chmod_online", chmod_online},         {"make_in_sys", make_in_sys},
    {"reopen_meminfo", reopen_meminfo},     {"umount_meminfo", umount_meminfo},
    {"umount_proc", umount_proc},           {"copy_proc", copy_proc},
    {"behind_meminfo", behind_meminfo},     {"read_meminfo", read_meminfo},
};

ATTEMPTS_MAIN(kAttempts)

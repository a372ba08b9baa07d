// Every way to a set-uid or set-gid file in /data, which is a directory of the host's, or in /tmp
// where there is none; and the same calls without the bits.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "attempt.h"

static const char* place(void) { return access("/data", F_OK) == 0 ? "/data" : "/tmp"; }

static const char* named(const char* name) {
  static char path[64];
  snprintf(path, sizeof path, "%s/%s", place(), name);
  return path;
}

static const char* made(const char* name) {
  const char* path = named(name);
  close(open(path, O_CREAT | O_WRONLY, 0755));
  return path;
}

static long chmod_plain(void) { return chmod(made("plain"), 01755); }
static long chmod_uid(void) { return chmod(made("chmod_uid"), 04755); }
static long chmod_gid(void) { return chmod(made("chmod_gid"), 02755); }
static long chmod_high(void) { return syscall(SYS_chmod, made("chmod_high"), ~0xFFFFL | 06755); }
static long fchmod_uid(void) { return fchmod(open(made("fchmod"), O_RDONLY), 04755); }
static long fchmodat_uid(void) { return fchmodat(AT_FDCWD, made("fchmodat"), 04755, 0); }
static long fchmodat2_uid(void) { return syscall(452, AT_FDCWD, made("fchmodat2"), 04755, 0); }
static long fchmodat2_plain(void) { return syscall(452, AT_FDCWD, made("fchmodat2"), 0755, 0); }
static long open_plain(void) { return syscall(SYS_open, named("open_plain"), O_CREAT, 0755); }
static long open_uid(void) { return syscall(SYS_open, named("open"), O_CREAT, 04755); }
static long open_old(void) { return syscall(SYS_open, made("old"), O_RDONLY, 07777); }
static long openat_uid(void) {
  return syscall(SYS_openat, AT_FDCWD, named("openat"), O_CREAT | O_WRONLY, 06755);
}
static long openat_old(void) { return syscall(SYS_openat, AT_FDCWD, made("old"), O_RDONLY, 07777); }
static long openat_unnamed(void) {
  const int fd = open(place(), O_TMPFILE | O_WRONLY, 04755);
  if (fd < 0) return -1;
  char own[32];
  snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
  return linkat(AT_FDCWD, own, AT_FDCWD, named("unnamed"), AT_SYMLINK_FOLLOW);
}
static long openat2_uid(void) {
  const struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = 04755};
  return syscall(SYS_openat2, AT_FDCWD, named("openat2"), &how, sizeof how);
}
static long creat_uid(void) { return syscall(SYS_creat, named("creat"), 04755); }
static long creat_plain(void) { return syscall(SYS_creat, named("creat_plain"), 0755); }
static long mknod_uid(void) { return syscall(SYS_mknod, named("mknod"), S_IFREG | 04755, 0); }
static long mknod_untyped(void) { return syscall(SYS_mknod, named("untyped"), 02755, 0); }
static long mknod_plain(void) { return syscall(SYS_mknod, named("mknod_plain"), 0755, 0); }
static long mknodat_uid(void) {
  return syscall(SYS_mknodat, AT_FDCWD, named("mknodat"), S_IFREG | 06755, 0);
}
static long mkdir_uid(void) { return mkdir(named("mkdir"), 06755); }

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(chmod_plain), ATTEMPT(chmod_uid),    ATTEMPT(chmod_gid),      ATTEMPT(chmod_high),
    ATTEMPT(fchmod_uid),  ATTEMPT(fchmodat_uid), ATTEMPT(fchmodat2_uid),  ATTEMPT(fchmodat2_plain),
    ATTEMPT(open_plain),  ATTEMPT(open_uid),     ATTEMPT(open_old),       ATTEMPT(openat_uid),
    ATTEMPT(openat_old),  ATTEMPT(openat2_uid),  ATTEMPT(openat_unnamed), ATTEMPT(creat_uid),
    ATTEMPT(creat_plain), ATTEMPT(mknod_uid),    ATTEMPT(mknod_untyped),  ATTEMPT(mknod_plain),
    ATTEMPT(mknodat_uid), ATTEMPT(mkdir_uid),
};

int main(int argc, char** argv) {
  return make_attempts(kAttempts, sizeof kAttempts / sizeof kAttempts[0], argc, argv);
}

// Ways to change a file that is visible at /data/target but read-only, or its directory; DATA names
// another directory. The file's own mode lets everybody write.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "attempt.h"

#define TARGET "target"

static long reopen(int fd, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return fd < 0 ? -1 : open(path, flags);
}
static int source(void) { return open("other", O_RDONLY); }

static long open_write(void) { return open(TARGET, O_WRONLY); }
static long open_append(void) { return open(TARGET, O_WRONLY | O_APPEND); }
static long open_truncate(void) { return open(TARGET, O_RDONLY | O_TRUNC); }
static long open_create(void) { return open("new", O_WRONLY | O_CREAT, 0600); }
static long open_tmpfile(void) { return open(".", O_WRONLY | O_TMPFILE, 0600); }
static long reopen_path(void) { return reopen(open(TARGET, O_PATH), O_WRONLY); }
static long reopen_read(void) { return reopen(open(TARGET, O_RDONLY), O_RDWR); }
static long truncate_path(void) { return truncate(TARGET, 0); }
static long map_write(void) {
  const int file = open(TARGET, O_RDONLY);
  void* page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
  return page == MAP_FAILED ? -1 : mprotect(page, 4096, PROT_READ | PROT_WRITE);
}
static long copy_range(void) {
  const int to = open(TARGET, O_RDWR);
  if (to < 0) return -1;
  return copy_file_range(source(), NULL, to, NULL, 1, 0);
}
static const char* outside(void) {
  static char path[64];
  snprintf(path, sizeof path, "/tmp/linked-%d", getpid());
  return path;
}
static long removed(long linked) {  // natively /tmp is the host's
  if (linked == 0) unlink(outside());
  return linked;
}
static long link_out(void) { return removed(link(TARGET, outside())); }
static long link_in(void) { return link(TARGET, "linked"); }
static long link_descriptor(void) {
  const int target = open(TARGET, O_RDONLY);
  return removed(linkat(target, "", AT_FDCWD, outside(), AT_EMPTY_PATH));
}
static long rename_over(void) { return rename("other", TARGET); }
static long rename_away(void) {
  return rename(TARGET, "renamed") < 0 ? -1 : rename("renamed", TARGET);
}
static long exchange(void) {
  return syscall(SYS_renameat2, AT_FDCWD, TARGET, AT_FDCWD, "other", 2 /* EXCHANGE */);
}
static long remove_it(void) { return unlink(TARGET); }
static long make_directory(void) { return mkdir("directory", 0700); }
static long make_symlink(void) { return symlink("x", "symlink"); }
static long change_mode(void) { return chmod(TARGET, 04777); }
static long change_mode_descriptor(void) { return fchmod(open(TARGET, O_RDONLY), 0777); }
static long change_times(void) { return utimes(TARGET, NULL); }
static long set_attribute(void) { return setxattr(TARGET, "user.attempt", "x", 1, 0); }
static long read_it(void) {  // allowed
  char byte;
  return read(open(TARGET, O_RDONLY), &byte, 1) == 1 ? 0 : -1;
}

#define ATTEMPT(name) {#name, name}
// What changes names comes last: natively and in the twin it succeeds.
static const struct attempt kAttempts[] = {
    ATTEMPT(read_it),
    ATTEMPT(open_write),
    ATTEMPT(open_append),
    ATTEMPT(open_create),
    ATTEMPT(open_tmpfile),
    ATTEMPT(reopen_path),
    ATTEMPT(reopen_read),
    ATTEMPT(map_write),
    ATTEMPT(copy_range),
    ATTEMPT(change_mode),
    ATTEMPT(change_mode_descriptor),
    ATTEMPT(change_times),
    ATTEMPT(set_attribute),
    ATTEMPT(make_directory),
    ATTEMPT(make_symlink),
    ATTEMPT(link_in),
    ATTEMPT(link_out),
    ATTEMPT(link_descriptor),
    ATTEMPT(exchange),
    ATTEMPT(truncate_path),
    ATTEMPT(open_truncate),
    ATTEMPT(rename_over),
    ATTEMPT(rename_away),
    ATTEMPT(remove_it),
};

int main(int argc, char** argv) {
  const char* given = getenv("DATA");
  if (chdir(given != NULL ? given : "/data") != 0) return 1;
  return make_attempts(kAttempts, sizeof kAttempts / sizeof kAttempts[0], argc, argv);
}

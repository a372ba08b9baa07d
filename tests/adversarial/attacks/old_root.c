// Ways from a container to what its mount namespace had before: around a chroot, below the root,
// and by a /proc of its own that has no masks. MARKER is a file of the host's that the container
// has not; whoever opens it stands outside.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "attempt.h"

static long open_marker(void) {
  const char* marker = getenv("MARKER");
  return open(marker != NULL ? marker : "/nowhere", O_RDONLY | O_CLOEXEC);
}

// The classic: who chroots and keeps a directory outside is stopped by no root on its way up.
static long climb(void) {
  mkdir("/tmp/below", 0755);
  if (chroot("/tmp/below") != 0) return -1;
  for (int i = 0; i < 100; ++i)
    if (chdir("..") != 0) return -1;
  if (chroot(".") != 0) return -1;
  return open_marker();
}

static long unmount_root(void) {
  const int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (own < 0 || umount2("/", MNT_DETACH) != 0 || setns(own, CLONE_NEWNS) != 0) return -1;
  return open_marker();
}

// The kernel gives a user namespace a whole /proc where it sees one already, without masks.
static long fresh_proc(void) {
  mkdir("/tmp/proc", 0755);
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) _exit(mount("proc", "/tmp/proc", "proc", 0, NULL) == 0 ? 0 : errno);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
  return errno == 0 ? 0 : -1;
}

static long own_file(void) { return open("/bin/busybox", O_RDONLY | O_CLOEXEC); }

static const struct attempt kAttempts[] = {
    {"climb", climb},
    {"unmount_root", unmount_root},
    {"fresh_proc", fresh_proc},
    {"own_file", own_file},
};

ATTEMPTS_MAIN(kAttempts)

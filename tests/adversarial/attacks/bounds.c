// Takes as much of one thing as it can get, then prints "NAME AMOUNT ERRNO" and gives it back.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const long kEnough = 4L << 20;  // of things
static const long kEnoughBytes = 4L << 30;

static void report(const char* name, long amount) {
  printf("%s %ld %s\n", name, amount, strerrorname_np(errno));
  fflush(stdout);
}

static void processes(void) {
  long count = 0;
  for (; count < 20000; ++count) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      pause();
      _exit(0);
    }
  }
  report("processes", count);
  kill(-1, SIGKILL);  // all but this one
}

// As a fork bomb does it: every process forks until it cannot, and stays.
static void fork_bomb(void) {
  for (int i = 0; i < 2000; ++i) fork();
  sleep(20);
}

static void memory(void) {
  long count = 0;
  for (; count < kEnoughBytes; count += 1 << 20) {
    char* block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) break;
    memset(block, 1, 1 << 20);
  }
  report("memory", count);
}

static long fill(const char* path, long enough) {
  static char block[1 << 16];
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  long count = 0;
  while (file >= 0 && count < enough) {
    const ssize_t wrote = write(file, block, sizeof block);
    if (wrote < 0) break;
    count += wrote;
  }
  const int error = errno;
  close(file);
  errno = error;
  return count;
}

static void disk(const char* directory) {
  char path[256];
  snprintf(path, sizeof path, "%s/filler", directory);
  const long count = fill(path, kEnoughBytes);
  report("disk", count);
  unlink(path);
}

static void inodes(const char* directory) {
  char path[256];
  long count = 0;
  for (; count < kEnough; ++count) {
    snprintf(path, sizeof path, "%s/inode-%ld", directory, count);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0) break;
    close(file);
  }
  report("inodes", count);
}

static void descriptors(void) {
  long count = 0;
  while (count < kEnough && open("/dev/null", O_RDONLY) >= 0) ++count;
  report("descriptors", count);
}

static void file_size(void) {
  signal(SIGXFSZ, SIG_IGN);
  report("file_size", fill("/tmp/large", 1L << 30));
}

// Lies to be told about: distinct refusals, each with a name of its own.
static void refusals(long count) {
  for (long i = 0; i < count; ++i) unshare((int)(0x10000000 | (i & 0xFFFF)));
  report("refusals", count);
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  const char* where = argc > 2 ? argv[2] : "/tmp";
  if (strcmp(what, "processes") == 0) processes();
  if (strcmp(what, "fork_bomb") == 0) fork_bomb();
  if (strcmp(what, "memory") == 0) memory();
  if (strcmp(what, "disk") == 0) disk(where);
  if (strcmp(what, "inodes") == 0) inodes(where);
  if (strcmp(what, "descriptors") == 0) descriptors();
  if (strcmp(what, "file_size") == 0) file_size();
  if (strcmp(what, "refusals") == 0) refusals(atol(where));
  return 0;
}

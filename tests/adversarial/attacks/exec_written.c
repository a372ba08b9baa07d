// Ways to execute what the sandbox itself wrote. "ok": it ran (or could have: mapped executable).
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "attempt.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

static int copy_into(const char* source, int to) {
  const int from = open(source, O_RDONLY);
  if (from < 0 || to < 0) return -1;
  char buffer[65536];
  for (ssize_t got; (got = read(from, buffer, sizeof buffer)) > 0;)
    if (write(to, buffer, (size_t)got) != got) return -1;
  close(from);
  return 0;
}

// Runs `path`, which is a copy of this program: it ends with 42.
static long execute(const char* path) {
  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) < 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    execl(path, path, "--written", NULL);
    const int error = errno;
    (void)!write(error_pipe[1], &error, sizeof error);
    _exit(1);
  }
  close(error_pipe[1]);
  int error = 0, status = 0;
  const ssize_t got = read(error_pipe[0], &error, sizeof error);
  waitpid(child, &status, 0);
  if (got == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 42) return 0;
  errno = got == sizeof error ? error : ENOEXEC;
  return -1;
}

static long run_copy(const char* directory) {
  char path[128];
  snprintf(path, sizeof path, "%s/written-%d", directory, getpid());
  const int to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
  if (copy_into("/proc/self/exe", to) < 0) return -1;
  close(to);
  const long result = execute(path);
  const int error = errno;
  unlink(path);
  errno = error;
  return result;
}
static long in_tmp(void) { return run_copy("/tmp"); }
static long in_var_tmp(void) { return run_copy("/var/tmp"); }
static long in_home(void) { return run_copy("/home/app"); }
static long in_run(void) { return run_copy("/run"); }
static long in_shm(void) { return run_copy("/dev/shm"); }
static long in_volume(void) { return run_copy("/data"); }

static long copy_in_tmp(int flags) {
  const int file = open("/tmp", flags | O_TMPFILE, 0755);
  return copy_into("/proc/self/exe", file) < 0 ? -1 : file;
}
static long by_descriptor(void) {
  const long file = copy_in_tmp(O_RDWR);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%ld", file);
  const int readable = open(path, O_RDONLY);
  close((int)file);
  snprintf(path, sizeof path, "/proc/self/fd/%d", readable);
  return readable < 0 ? -1 : execute(path);
}
static long memory_file(unsigned flags) {
  const long file = syscall(SYS_memfd_create, "written", flags);
  if (file < 0) return -1;
  (void)fchmod((int)file, 0755);
  return copy_into("/proc/self/exe", (int)file) < 0 ? -1 : file;
}
static long run_memory_file(unsigned flags) {
  const long file = memory_file(flags);
  if (file < 0) return -1;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%ld", file);
  const int readable = open(path, O_RDONLY);
  close((int)file);
  snprintf(path, sizeof path, "/proc/self/fd/%d", readable);
  return readable < 0 ? -1 : execute(path);
}
static long memfd(void) { return run_memory_file(0); }
static long memfd_exec(void) { return run_memory_file(MFD_EXEC); }
static long memfd_execveat(void) {
  const long file = memory_file(0);
  char* const arguments[] = {"written", "--written", NULL};
  return file < 0 ? -1 : syscall(SYS_execveat, file, "", arguments, NULL, AT_EMPTY_PATH);
}
static long map_written(void) {
  const long file = copy_in_tmp(O_RDWR);
  return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, (int)file, 0) == MAP_FAILED ? -1 : 0;
}
static long map_then_protect(void) {
  const long file = copy_in_tmp(O_RDWR);
  void* page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, (int)file, 0);
  return page == MAP_FAILED ? -1 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}
static long map_shared(void) {
  const long file = copy_in_tmp(O_RDWR);
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)file, 0);
  return page == MAP_FAILED ? -1 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}
static long link_into_tmp(void) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/linked-%d", getpid());
  const long linked = link("/usr/bin/env", path);
  if (linked == 0) unlink(path);
  return linked;
}
static long loader(void) {  // the dynamic loader as an interpreter of a written program
  char path[64], command[128];
  snprintf(path, sizeof path, "/tmp/env-%d", getpid());
  snprintf(command, sizeof command, "/lib64/ld-linux-x86-64.so.2 %s true 2>/dev/null", path);
  const int to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
  if (copy_into("/usr/bin/env", to) < 0) return -1;
  close(to);
  const int status = system(command);
  unlink(path);
  errno = EACCES;
  return status == 0 ? 0 : -1;
}
static long read_only_program(void) { return execute("/attacks/exec_written"); }  // allowed

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(in_tmp),        ATTEMPT(in_var_tmp),
    ATTEMPT(in_home),       ATTEMPT(in_run),
    ATTEMPT(in_shm),        ATTEMPT(in_volume),
    ATTEMPT(by_descriptor), ATTEMPT(memfd),
    ATTEMPT(memfd_exec),    ATTEMPT(memfd_execveat),
    ATTEMPT(map_written),   ATTEMPT(map_then_protect),
    ATTEMPT(map_shared),    ATTEMPT(link_into_tmp),
    ATTEMPT(loader),        ATTEMPT(read_only_program),
};

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--written") == 0) return 42;
  return make_attempts(kAttempts, sizeof kAttempts / sizeof kAttempts[0], argc, argv);
}

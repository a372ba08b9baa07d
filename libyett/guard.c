/* Names of processes: a number and when it began, which together are one process's alone. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <yett/yett.h>

/* Ticks since the host began, of /proc/PID/stat; 0: there is no such process. What stands before it
 * may hold any byte (the program's own name), but no ')' follows that name's. proc_pid_stat(5). */
static unsigned long long read_start(int pid) {
  char path[64];
  char text[1024];
  unsigned long long start = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  text[got > 0 ? got : 0] = '\0';
  const char* rest = strrchr(text, ')');
  if (rest != NULL && strlen(rest) > 2 && (rest[2] == 'Z' || rest[2] == 'X')) return 0; /* dead */
  for (int field = 2; rest != NULL && field < 22; ++field) {
    rest = strchr(rest, ' ');
    if (rest != NULL) ++rest;
  }
  return rest != NULL && sscanf(rest, "%llu", &start) == 1 ? start : 0;
}

int yett_guard_name(int pid, char* name, size_t size) {
  const unsigned long long start = pid > 0 ? read_start(pid) : 0;
  if (start == 0) return -ESRCH;
  const int length = snprintf(name, size, "guard-%d-%llu", pid, start);
  return length >= 0 && (size_t)length < size ? 0 : -ENOSPC;
}

/* The descriptor is the process's whose start is read after it was opened. */
int yett_kill_guard(const char* name) {
  int pid = 0;
  unsigned long long start = 0;
  char rest = 0;
  if (sscanf(name, "guard-%d-%llu%c", &pid, &start, &rest) != 2 || pid <= 0) return -EINVAL;
  const int process = (int)syscall(SYS_pidfd_open, pid, 0);
  if (process < 0) return errno == EINVAL ? -ESRCH : -errno;
  int result = -ESRCH;
  if (read_start(pid) == start)
    result = syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0 ? 0 : -errno;
  close(process);
  return result;
}

// CVE-2019-5736 and 2016-9962: while this program executes itself N times, its other half looks
// through /proc for processes of the runtime and opens what it finds for writing. Prints every
// success "opened PATH -> TARGET", then "polls N".
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char own[256];  // our own program, as /proc shows it

static int is_ours(const char* target) { return strncmp(target, own, strlen(own)) == 0; }

static void try_open(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ETXTBSY) printf("busy %s\n", path);  // permitted but for its being run
    return;
  }
  char through[64], target[256] = "";
  snprintf(through, sizeof through, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(through, target, sizeof target - 1);
  target[length < 0 ? 0 : length] = '\0';
  close(fd);
  if (!is_ours(target)) printf("opened %s -> %s\n", path, target);
}

// What another process is, or was a moment ago: PID 1 above all.
static void try_process(const char* pid) {
  char path[64], target[256];
  snprintf(path, sizeof path, "/proc/%.10s/exe", pid);
  const ssize_t length = readlink(path, target, sizeof target - 1);
  if (length > 0) {
    target[length] = '\0';
    if (is_ours(target)) return;
    printf("seen %s -> %s\n", path, target);
  }
  try_open(path, O_WRONLY);
  try_open(path, O_RDONLY);
  snprintf(path, sizeof path, "/proc/%.10s/mem", pid);
  try_open(path, O_RDWR);
  snprintf(path, sizeof path, "/proc/%.10s/root", pid);
  try_open(path, O_RDONLY);
  for (int fd = 0; fd < 12; ++fd) {
    snprintf(path, sizeof path, "/proc/%.10s/fd/%d", pid, fd);
    try_open(path, O_RDWR);
  }
}

// The half that executes itself is no find: while it does, its /proc/PID/exe cannot be read.
static pid_t other_half;

static long poll_proc(void) {
  DIR* proc = opendir("/proc");
  if (proc == NULL) return 0;
  for (struct dirent* entry; (entry = readdir(proc)) != NULL;)
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && atoi(entry->d_name) != getpid() &&
        atoi(entry->d_name) != other_half)
      try_process(entry->d_name);
  closedir(proc);
  return 1;
}

int main(int argc, char** argv) {
  const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  if (length < 0) return 2;
  const int left = argc > 1 ? atoi(argv[1]) : 0;
  if (argc > 2) {  // the half that executes itself
    if (left == 0) return 0;
    char number[16];
    snprintf(number, sizeof number, "%d", left - 1);
    execl(own, argv[0], number, "again", NULL);
    return 3;
  }
  const pid_t child = fork();
  other_half = child;
  if (child == 0) {
    execl(own, argv[0], argv[1], "again", NULL);
    _exit(3);
  }
  long polls = poll_proc();
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) polls += poll_proc();
  printf("polls %ld\nexecs %s\n", polls, status == 0 ? argv[1] : "failed");
  return 0;
}

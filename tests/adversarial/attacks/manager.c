// A program of rVisor's shape: opens the device, makes a sandbox of a directory, adds itself,
// executes. `manager ROOT PROGRAM ARGUMENT...` ends as the program did; `manager ATTEMPT...` tries
// what yett/uapi.h refuses, with sandboxes of /roots/box.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <yett/uapi.h>

#include "attempt.h"

static int device(void) { return open(YETT_DEVICE, O_RDWR | O_CLOEXEC); }
static int make(const char* root) { return ioctl(device(), YETT_CREATE, root); }

// In a child: its exit status.
static int run_in(int id, char* const* words) {
  const pid_t child = fork();
  if (child == 0) {
    if (ioctl(device(), YETT_ADD_SELF, id) != 0) _exit(99);
    execv(words[0], words);
    _exit(errno == ENOENT ? 127 : 98);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_shaped(char** argv) {
  const int id = make(argv[1]);
  if (id <= 0) {
    perror("create");
    return 97;
  }
  const int status = run_in(id, argv + 2);
  if (ioctl(device(), YETT_REMOVE, id) != 0) perror("remove");
  return status;
}

static long as_call(int made) { return made > 0 ? 0 : -1; }
static long create(void) { return as_call(make("/roots/box")); }
static long create_of_tmp(void) { return as_call(make("/tmp")); }
static long create_of_proc(void) { return as_call(make("/proc/1/root")); }
static long create_of_data(void) { return as_call(make("/data")); }
static long create_relative(void) { return as_call(make("roots/box")); }
static long create_dots(void) { return as_call(make("/roots/../data")); }
static long create_link(void) { return as_call(make("/roots/link")); }
static long create_below_link(void) { return as_call(make("/roots/link/box")); }
static long create_nothing(void) { return as_call(make("/roots/none")); }
static long create_file(void) { return as_call(make("/roots/box/bin/sh")); }
static long create_empty(void) { return as_call(make("")); }
static long create_bad_pointer(void) { return as_call(make((const char*)8)); }
static long create_above_volume(void) { return as_call(make("/roots/covered")); }
static long create_of_volume(void) { return as_call(make("/roots/covered/below")); }
static long create_beside_volume(void) { return as_call(make("/roots/covered/beside")); }
static long create_above_mask(void) { return as_call(make("/roots/masked")); }
static long create_of_mask(void) { return as_call(make("/roots/masked/secret")); }
static long create_across_mount(void) { return as_call(make("/roots/mounted/box")); }
static long create_below_closed(void) { return as_call(make("/roots/closed/box")); }
static long create_below_closed_none(void) { return as_call(make("/roots/closed/none")); }
static long create_many(void) {
  for (int i = 0; i < 1000; ++i)
    if (make("/roots/box") < 0) return -1;
  return 0;
}
static long add_unknown(void) { return ioctl(device(), YETT_ADD_SELF, 12345); }
static long add_negative(void) { return ioctl(device(), YETT_ADD_SELF, -1); }
static long remove_unknown(void) { return ioctl(device(), YETT_REMOVE, 12345); }
static long remove_twice(void) {
  const int id = make("/roots/box");
  ioctl(device(), YETT_REMOVE, id);
  return ioctl(device(), YETT_REMOVE, id);
}
static long add_to_removed(void) {
  const int id = make("/roots/box");
  ioctl(device(), YETT_REMOVE, id);
  return ioctl(device(), YETT_ADD_SELF, id);
}
static long fork_after_add(void) {
  if (ioctl(device(), YETT_ADD_SELF, make("/roots/box")) != 0) return 0;
  return fork();
}
static long add_twice(void) {
  const int id = make("/roots/box");
  if (ioctl(device(), YETT_ADD_SELF, id) != 0) return 0;
  return ioctl(device(), YETT_ADD_SELF, id);
}
static long exec_of_outside(void) {  // there for the manager, not in the sandbox
  char* words[] = {"/usr/bin/env", NULL};
  return run_in(make("/roots/box"), words) == 127 ? 0 : -1;
}
static void touch(const char* path) { close(open(path, O_CREAT | O_WRONLY, 0600)); }
// What it was made of is another directory before anything is executed.
static long exec_in_swapped(void) {
  const int id = make("/roots/box");
  char* words[] = {"/bin/sh", "-c", "exit 7", NULL};
  if (id <= 0 || run_in(id, words) != 7) return -1;
  touch("/data/made");
  while (access("/data/swapped", F_OK) != 0) usleep(1000);
  errno = EBADE;
  return run_in(id, words) == 126 ? 0 : -1;
}
// What is closed here is not what the runtime opens next.
static long exec_with_closed_errors(void) {
  char* words[] = {"/bin/sh", "-c", "exec 3< /proc/self/fd/2 && exit 7", NULL};
  close(2);
  return run_in(make("/roots/box"), words) == 7 ? 0 : -1;
}
static long remove_ends_it(void) {
  const int id = make("/roots/box");
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    dup2(pipe_ends[1], 1);
    ioctl(device(), YETT_ADD_SELF, id);
    execl("/bin/sh", "sh", "-c", "echo up; exec sleep 1000", NULL);
    _exit(98);
  }
  char word[3];
  if (read(pipe_ends[0], word, sizeof word) != sizeof word) return -1;
  if (ioctl(device(), YETT_REMOVE, id) != 0) return -1;
  int status = 0;
  waitpid(child, &status, 0);
  errno = EBADE;
  return WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL ? 0 : -1;
}

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(create),
    ATTEMPT(create_of_tmp),
    ATTEMPT(create_of_proc),
    ATTEMPT(create_of_data),
    ATTEMPT(create_relative),
    ATTEMPT(create_dots),
    ATTEMPT(create_link),
    ATTEMPT(create_below_link),
    ATTEMPT(create_nothing),
    ATTEMPT(create_file),
    ATTEMPT(create_empty),
    ATTEMPT(create_bad_pointer),
    ATTEMPT(add_unknown),
    ATTEMPT(add_negative),
    ATTEMPT(remove_unknown),
    ATTEMPT(remove_twice),
    ATTEMPT(add_to_removed),
    ATTEMPT(fork_after_add),
    ATTEMPT(add_twice),
    ATTEMPT(exec_of_outside),
    ATTEMPT(remove_ends_it),
    ATTEMPT(create_many),
    ATTEMPT(create_above_volume),
    ATTEMPT(create_of_volume),
    ATTEMPT(create_beside_volume),
    ATTEMPT(create_above_mask),
    ATTEMPT(create_of_mask),
    ATTEMPT(create_across_mount),
    ATTEMPT(create_below_closed),
    ATTEMPT(create_below_closed_none),
    ATTEMPT(exec_in_swapped),
    ATTEMPT(exec_with_closed_errors),
};

int main(int argc, char** argv) {
  if (argc > 2 && argv[1][0] == '/') return run_shaped(argv);
  return make_attempts(kAttempts, sizeof kAttempts / sizeof kAttempts[0], argc, argv);
}

// A table of attempts: each runs in a child of its own, so that one that is killed or that changes
// its process spoils no other. Prints "NAME ok", "NAME EPERM" (the errno) or "NAME SIGSYS" (what
// killed it). With arguments, only the attempts named.
#pragma once

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct attempt {
  const char* name;
  long (*run)(void);  // as a system call through libc: -1 and errno; anything else: it succeeded
};

static inline void report_error(const char* name, int error) {
  const char* text = error == 0 ? "ok" : strerrorname_np(error);
  printf("%s %s\n", name, text != NULL ? text : "unknown");
  fflush(stdout);
}

static inline void report_death(const char* name, int signal_number) {
  const char* text = sigabbrev_np(signal_number);
  printf("%s SIG%s\n", name, text != NULL ? text : "?");
  fflush(stdout);
}

static inline void make_attempt(const struct attempt* attempt) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    errno = 0;
    const long result = attempt->run();
    report_error(attempt->name, result == -1 ? errno : 0);
    _exit(0);
  }
  if (child < 0) {
    printf("%s cannot fork\n", attempt->name);
    return;
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) report_death(attempt->name, WTERMSIG(status));
}

static inline int is_wanted(const char* name, int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (strcmp(argv[i], name) == 0) return 1;
  return argc < 2;
}

static inline int make_attempts(const struct attempt* attempts, size_t count, int argc,
                                char** argv) {
  for (size_t i = 0; i < count; ++i)
    if (is_wanted(attempts[i].name, argc, argv)) make_attempt(&attempts[i]);
  return 0;
}

#define ATTEMPTS_MAIN(table)                                                     \
  int main(int argc, char** argv) {                                              \
    return make_attempts(table, sizeof(table) / sizeof((table)[0]), argc, argv); \
  }

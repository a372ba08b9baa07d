// Calls that a supervisor answers, each answer checked. `answered MS`: again and again with a pause
// of so many milliseconds, until SIGTERM: then says how many rounds were good. `answered lines`:
// once for each line that is read, and says so.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void stop(int number) {
  (void)number;
  stopped = 1;
}

// What was wrong, or NULL.
static const char* round_of_calls(void) {
  static unsigned long long first;
  struct sysinfo told;
  memset(&told, 0xff, sizeof told);
  if (sysinfo(&told) != 0) return "sysinfo was refused";
  const unsigned long long memory = (unsigned long long)told.totalram * told.mem_unit;
  if (first == 0) first = memory;
  if (memory != first) return "sysinfo says something else";
  if (unshare(CLONE_NEWUSER) == 0) return "unshare was allowed";
  return errno == EPERM ? NULL : "nobody refused unshare";
}

static int expect_good(void) {
  const char* wrong = round_of_calls();
  if (wrong != NULL) printf("wrong: %s: %s\n", wrong, strerror(errno));
  return wrong == NULL;
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc != 2) return 2;
  if (strcmp(argv[1], "lines") == 0) {
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
      if (!expect_good()) return 3;
      puts("answered");
    }
    return 7;
  }
  struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
  sigaction(SIGTERM, &action, NULL);
  puts("ready");
  unsigned long rounds = 0;
  for (; !stopped; ++rounds) {
    if (!expect_good()) return 3;
    usleep((useconds_t)atoi(argv[1]) * 1000);
  }
  printf("%lu rounds\n", rounds);
  return 7;
}

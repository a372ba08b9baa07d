/* A template of a warm fork: what its instances are given they execute by the shell. With words of
 * its own it is one that cannot be: with a "thread", "shared" memory, memory that could be written
 * and is shared ("readable"), another "process", or one that is another each time one looks
 * ("hopper"). Or one that a "timer" interrupts, which can be. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <yett/ready.h>

static char secret[64] = "of the template";

static void* wait_for_ever(void* nothing) {
  for (;;) pause();
  return nothing;
}

static int share_for_ever(void* nothing) {
  wait_for_ever(nothing);
  return 0;
}

/* One that shares all memory. */
static int share_memory_with_a_process(void) {
  static char stack[16384] __attribute__((aligned(16)));
  return clone(share_for_ever, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
}

/* Each begins the next and ends: none of them is there for long, and there is always one. */
static int hop(void* nothing) {
  static char stacks[64][4096] __attribute__((aligned(16)));
  static int next = 0;
  next = (next + 1) % 64;
  if (clone(hop, stacks[next] + sizeof stacks[next], CLONE_VM | SIGCHLD, nothing) < 0) return 1;
  return 0;
}

static void on_alarm(int number) { (void)number; }

/* Interrupted a thousand times a second, and its forks are not. */
static void begin_timer(void) {
  const struct itimerval each = {{0, 1000}, {0, 1000}};
  signal(SIGALRM, on_alarm);
  setitimer(ITIMER_REAL, &each, NULL);
}

static int has_word(int argc, char** argv, const char* word) {
  for (int i = 1; i < argc; ++i)
    if (strcmp(argv[i], word) == 0) return 1;
  return 0;
}

/* Something in every place that an instance must have for itself. */
static void leave_traces(void) {
  FILE* file = fopen("/tmp/of_the_template", "w");
  if (file != NULL) fclose(file);
  mkdir("/tmp/directory", 0700);
  if (chdir("/tmp/directory") != 0) perror("chdir");
  const int file_of_all = open("/usr/bin/env", O_RDONLY);
  if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, file_of_all, 0) == MAP_FAILED) perror("mmap");
  setenv("OF_THE_TEMPLATE", "1", 1);
}

static void tell_seed(const struct yett_instance* self) {
  for (size_t i = 0; i < sizeof self->ready.seed; ++i) printf("%02x", self->ready.seed[i]);
  printf("\n");
  fflush(stdout);
}

/* Why it is none, for the test to read. */
static void tell_refusal(const char* word, int error) {
  char path[64];
  snprintf(path, sizeof path, "/told/%s", word);
  FILE* file = fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%d\n", error);
  fclose(file);
}

int main(int argc, char** argv) {
  static struct yett_instance self;
  pthread_t thread;
  if (has_word(argc, argv, "thread")) pthread_create(&thread, NULL, wait_for_ever, NULL);
  if (has_word(argc, argv, "shared"))
    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (has_word(argc, argv, "readable"))
    mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (has_word(argc, argv, "process") && share_memory_with_a_process() < 0) return 1;
  if (has_word(argc, argv, "hopper") && hop(NULL) != 0) return 1;
  if (has_word(argc, argv, "timer")) begin_timer();
  leave_traces();
  if (yett_become_instance(&self) != 0) {
    const int error = errno;
    perror("warm_template");
    if (argc > 1) tell_refusal(argv[1], error);
    return 1;
  }
  if (self.argument_count < 2) return 2;
  if (strcmp(self.arguments[0], "seed") == 0) tell_seed(&self);
  /* What one instance changes no other sees. */
  if (strcmp(self.arguments[0], "memory") == 0) {
    printf("%s\n", secret);
    strcpy(secret, "of an instance");
  }
  if (strcmp(self.arguments[0], "again") == 0)
    printf("%d\n", yett_become_instance(&self) == 0 ? 0 : errno);
  if (strcmp(self.arguments[0], "abort") == 0) abort();
  fflush(stdout);
  execl("/bin/sh", "sh", "-c", self.arguments[1], NULL);
  return 127;
}

// Random commands on /dev/yett for `uapi_storm SECONDS SEED`, by threads that rewrite each other's
// memory and by children that add themselves to sandboxes and then execute, go on asking, or die.
// Prints what it did; the last line is "alive ok" where the supervisor still answers as it should.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yett/uapi.h>

#define WINDOW 16384  // two pages to write, one to read, one that is not there
#define THREADS 3

static unsigned char* window;
static int device;
static time_t end;
static atomic_ulong calls, children, executed;
static atomic_int latest;  // number of a sandbox

static unsigned long draw(unsigned long* state) {
  *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
  return *state;
}

static unsigned long draw_command(unsigned long* state) {
  static const unsigned long kCommands[] = {YETT_INFO,   YETT_STAT,     YETT_LOG,
                                            YETT_CREATE, YETT_ADD_SELF, YETT_REMOVE};
  const unsigned long choice = draw(state) >> 32;
  // Threads that share the memory do not add themselves: what they execute next is nothing.
  if (choice % 16 < 14) return kCommands[(choice >> 8) % 6 == 4 ? 3 : (choice >> 8) % 6];
  return choice % 2 == 0 ? _IO(YETT_UAPI_MAGIC, choice >> 8 & 0xff) : choice;
}

static unsigned long draw_argument(unsigned long* state) {
  const unsigned long choice = draw(state) >> 32;
  if (choice % 4 == 0) return latest + 1 - (choice >> 8) % 80;
  if (choice % 64 == 1) return draw(state);
  return (unsigned long)window + (choice >> 8) % WINDOW;
}

static void write_something(unsigned long* state) {
  static const unsigned kSizes[] = {0, 15, 16, 17, 47, 48, 49, 231, 232, 233, 4096, 4097};
  static const char* const kPaths[] = {"/roots/box", "/roots/../data", "/roots/link/box", "/roots",
                                       "/",          "/roots/none",    "/proc/1/root",    ""};
  const unsigned long choice = draw(state) >> 32, at = draw(state) % 7000;
  if (choice % 3 == 0) {
    memcpy(window + at, &kSizes[(choice >> 8) % 12], sizeof kSizes[0]);
  } else if (choice % 3 == 1) {
    strcpy((char*)window + at, kPaths[(choice >> 8) % 8]);
  } else {
    const struct yett_log line = {.size = 16 + (choice >> 8) % 8,
                                  .text_size = choice >> 16 & 0x3ff,
                                  .text = draw_argument(state)};
    memcpy(window + at, &line, sizeof line);
  }
}

static void* ask(void* seed) {
  unsigned long state = (unsigned long)seed;
  while (time(NULL) < end) {
    write_something(&state);
    const int file = draw(&state) % 32 == 0 ? (int)draw(&state) % 8 : device;
    const unsigned long command = draw_command(&state);
    const int result = ioctl(file, command, draw_argument(&state));
    if (command == YETT_CREATE && result > latest) latest = result;
    atomic_fetch_add(&calls, 1);
  }
  return NULL;
}

// What a child does between adding itself and its end.
static void live(unsigned long state) {
  char* const words[] = {"/bin/sh", "-c", "exit 3", NULL};
  const int number = ioctl(device, YETT_CREATE, "/roots/box");
  if (ioctl(device, YETT_ADD_SELF, number > 0 ? number : (int)draw(&state) % 64) != 0) _exit(1);
  struct yett_info info = {.size = sizeof info};
  switch (draw(&state) % 6) {
    case 0:
      kill(getpid(), SIGKILL);
      break;
    case 1:
      ioctl(device, YETT_ADD_SELF, number);
      ioctl(device, YETT_INFO, &info);
      break;
    case 2:
      ioctl(device, YETT_REMOVE, number);
      break;
    case 3:
      execv(draw(&state) % 2 == 0 ? "/bin/none" : (char*)8, words);
      break;
    default:
      alarm(draw(&state) % 8 == 0 ? 1 : 20);
  }
  execv(words[0], words);
  _exit(2);
}

static void have_children(unsigned long state) {
  while (time(NULL) < end) {
    const pid_t child = fork();
    if (child == 0) live(draw(&state));
    draw(&state);
    if (draw(&state) % 16 == 0) kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    atomic_fetch_add(&children, 1);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3) atomic_fetch_add(&executed, 1);
    ioctl(device, YETT_REMOVE, latest - (int)(draw(&state) % 80));
  }
}

static int still_answers(void) {
  struct yett_info info = {.size = sizeof info};
  if (ioctl(device, YETT_INFO, &info) != 0 || info.size != sizeof info) return 0;
  // Children made some after the latest that a thread knows of.
  for (int number = 1; number <= latest + (int)children; ++number)
    ioctl(device, YETT_REMOVE, number);
  const int made = ioctl(device, YETT_CREATE, "/roots/box");
  return made > 0 && ioctl(device, YETT_REMOVE, made) == 0;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  unsigned long state = strtoul(argv[2], NULL, 10) * 2654435761UL + 88172645463325252UL;
  printf("seed %s\n", argv[2]);
  fflush(stdout);
  end = time(NULL) + atoi(argv[1]);
  device = open(YETT_DEVICE, O_RDWR | O_CLOEXEC);
  window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(window + WINDOW / 2, WINDOW / 4, PROT_READ);
  munmap(window + WINDOW / 4 * 3, WINDOW / 4);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; ++i) pthread_create(&threads[i], NULL, ask, (void*)draw(&state));
  have_children(state);
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
  printf("calls %lu\nchildren %lu\nexecuted %lu\n", calls, children, executed);
  printf("alive %s\n", still_answers() ? "ok" : "not");
  return 0;
}

/* Starts of /bin/true through yettd's pool beside plain fork, exec and wait of it, one of each in
 * turn: warm SOCKET TEMPLATE ROUNDS. A pause before each lets the pool be refilled. Prints minima
 * and quartiles in microseconds, as JSON. Or: warm SOCKET TEMPLATE hold COUNT keeps so many
 * sandboxes until its input ends, in which a program sleeps; of each it prints how long it took
 * until its program was executed, and beside it a plain fork, exec and wait, in microseconds. Or:
 * warm SOCKET TEMPLATE steady COUNT starts so many, a hundred each second, and tells how late
 * the latest began: the daemon's metrics say how many of them came from the pool. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yett/yett.h>

enum { kMostRounds = 10000, kPauseMs = 20, kPatienceMs = 20000, kSteadyUs = 10000 };

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void rest(void) {
  const struct timespec pause = {.tv_nsec = kPauseMs * 1000000L};
  nanosleep(&pause, NULL);
}

static void die(const char* what, int error) {
  fprintf(stderr, "warm: %s: %s\n", what, strerror(-error));
  exit(1);
}

static double plain(void) {
  char* words[] = {"/bin/true", NULL};
  const double began = now_us();
  const pid_t child = fork();
  if (child == 0) {
    execv(words[0], words);
    _exit(127);
  }
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) die("/bin/true", -errno);
  return now_us() - began;
}

/* Its number. */
static int start(struct yett_host* host, int sandbox, int nothing, char** words) {
  const int program =
      yett_start(host, &(struct yett_program){.size = sizeof(struct yett_program),
                                              .sandbox = sandbox,
                                              .arguments = words,
                                              .descriptors = {nothing, nothing, STDERR_FILENO}});
  if (program < 0) die(words[0], program);
  return program;
}

static double warm(struct yett_host* host, int sandbox, int nothing) {
  char* words[] = {"/bin/true", NULL};
  int status = -1;
  const double began = now_us();
  const int program = start(host, sandbox, nothing, words);
  const int waited = yett_wait(host, program, 10000, &status);
  if (waited != 0 || status != 0) die("wait", waited);
  return now_us() - began;
}

static int by_size(const void* one, const void* other) {
  const double a = *(const double*)one;
  const double b = *(const double*)other;
  return (a > b) - (a < b);
}

static void tell(const char* name, double* times, int count) {
  qsort(times, (size_t)count, sizeof *times, by_size);
  printf("\"%s\": {\"least\": %.0f, \"p25\": %.0f, \"p50\": %.0f, \"p75\": %.0f}, ", name, times[0],
         times[count / 4], times[count / 2], times[count * 3 / 4]);
}

/* Until its program has been executed. */
static double start_and_wait(struct yett_host* host, int sandbox, int nothing, char** words) {
  struct yett_event event = {.kind = 0};
  const double began = now_us();
  const int program = start(host, sandbox, nothing, words);
  while (event.kind != YETT_EVENT_STARTED || event.program != program)
    if (yett_next_event(host, kPatienceMs, &event) != 1) die("a start", -ETIMEDOUT);
  return now_us() - began;
}

static int hold(struct yett_host* host, int sandbox, int nothing, int count) {
  char* words[] = {"/bin/sleep", "10000", NULL};
  char byte;
  const int watched = yett_watch(host);
  if (watched < 0) die("events", watched);
  for (int i = 0; i < count; ++i) {
    const double began = start_and_wait(host, sandbox, nothing, words);
    rest();
    printf("%.0f %.0f\n", began, plain());
    rest();
  }
  puts("held");
  fflush(stdout);
  return read(STDIN_FILENO, &byte, 1) < 0;
}

/* One that takes longer than its share makes the next ones late, which are begun at once. */
static void steady(struct yett_host* host, int sandbox, int nothing, int count) {
  static double times[kMostRounds];
  double latest = 0;
  const double began = now_us();
  for (int i = 0; i < count; ++i) {
    const double due = began + (double)i * kSteadyUs;
    const double left = due - now_us();
    if (left > 0) nanosleep(&(struct timespec){.tv_nsec = (long)(left * 1e3)}, NULL);
    if (now_us() - due > latest) latest = now_us() - due;
    times[i] = warm(host, sandbox, nothing);
  }
  const double seconds = (now_us() - began) / 1e6;
  printf("{");
  tell("steady", times, count);
  printf("\"count\": %d, \"seconds\": %.2f, \"latest\": %.0f}\n", count, seconds, latest);
}

static void beside_plain(struct yett_host* host, int sandbox, int nothing, int rounds) {
  static double plain_times[kMostRounds];
  static double warm_times[kMostRounds];
  for (int i = 0; i < rounds; ++i) {
    rest();
    plain_times[i] = plain();
    rest();
    warm_times[i] = warm(host, sandbox, nothing);
  }
  printf("{");
  tell("plain", plain_times, rounds);
  tell("warm", warm_times, rounds);
  printf("\"ratio\": %.2f}\n", warm_times[rounds / 2] / plain_times[rounds / 2]);
}

int main(int argc, char** argv) {
  struct yett_host* host;
  const int holds = argc == 5 && strcmp(argv[3], "hold") == 0;
  const int is_steady = argc == 5 && strcmp(argv[3], "steady") == 0;
  const int rounds = argc == 4 || holds || is_steady ? atoi(argv[argc - 1]) : 0;
  if (rounds < 1 || rounds > kMostRounds) {
    fputs("usage: warm SOCKET TEMPLATE [hold|steady] NUMBER\n", stderr);
    return 2;
  }
  const int connected = yett_connect(argv[1], &host);
  if (connected != 0) die(argv[1], connected);
  const int sandbox = yett_create(host, argv[2]);
  if (sandbox < 0) die(argv[2], sandbox);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (holds) return hold(host, sandbox, nothing, rounds);
  if (is_steady)
    steady(host, sandbox, nothing, rounds);
  else
    beside_plain(host, sandbox, nothing, rounds);
  yett_disconnect(host);
  return 0;
}

/* The micro-operations, as one small static program that runs natively, under bubblewrap and under
 * yett alike, so that only what is around it differs.
 *
 *   yett-bench-micro DIRECTORY OPERATION...     prints "operation nanoseconds" lines; one that
 *                                              fails is told of on stderr and left out
 *   yett-bench-micro exit                       does nothing: what fork+exec starts
 *   yett-bench-micro read DIRECTORY...          reads every file that lies in these; prints "read
 *                                              nanoseconds", the quickest of five times
 *   yett-bench-micro idle                       says "up", and ends when its standard input does
 *
 * DIRECTORY is a writable tmpfs in every case. An operation's figure is the median of 21 chunks of
 * about half a millisecond: shorter than a time slice, so that most chunks are undisturbed. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/notify_baseline.h"

enum {
  kChunks = 21,
  kChunkNs = 500000,
  kBlock = 4096,
  kMapping = 65536,
  kPort = 18437,
  kFileBlocks = 256
};

static const char kProbed[] = "/usr/bin/env"; /* the same file on the host's disk everywhere */
static char block[kBlock];
static int file = -1, pipe_ends[2], listener = -1;
static char directory[256];

static jmp_buf give_up; /* an operation that fails is told of and left out; the others go on */

static void die(const char* what) {
  fprintf(stderr, "yett-bench-micro: %s: %s\n", what, strerror(errno));
  longjmp(give_up, 1);
}

static long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000L + t.tv_nsec;
}

/* ---- operations: each does it once, and returns the nanoseconds to leave out ------------------
 */

static long op_getpid(void) { return syscall(SYS_getpid) > 0 ? 0 : 1; }

static long op_clock_gettime(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return 0;
}

static long op_open_close(void) {
  const int opened = open(kProbed, O_RDONLY | O_CLOEXEC);
  if (opened < 0) die(kProbed);
  close(opened);
  return 0;
}

/* What "open" opens, which may be a file that was asked for. */
static const char* asked(void) {
  const char* named = getenv("YETT_BENCH_FILE");
  return named != NULL ? named : kProbed;
}

/* Only openat(2) counts. */
static long op_open(void) {
  const int opened = open(asked(), O_RDONLY | O_CLOEXEC);
  if (opened < 0) die(asked());
  const long has_it = now_ns();
  close(opened);
  return now_ns() - has_it;
}

static void start_addfd(void) { start_addfd_baseline(asked()); }

static long op_stat(void) {
  struct stat found;
  if (stat(kProbed, &found) != 0) die(kProbed);
  return 0;
}

static void start_file(void) {
  char path[300];
  snprintf(path, sizeof path, "%s/block", directory);
  file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || pwrite(file, block, kBlock, 0) != kBlock) die(path);
  unlink(path);
}

static long op_read(void) {
  if (pread(file, block, kBlock, 0) != kBlock) die("pread");
  return 0;
}

static long op_write(void) {
  if (pwrite(file, block, kBlock, 0) != kBlock) die("pwrite");
  return 0;
}

static void start_pipe(void) {
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) die("pipe");
}

static long op_pipe(void) {
  char byte = 0;
  if (write(pipe_ends[1], &byte, 1) != 1 || read(pipe_ends[0], &byte, 1) != 1) die("pipe");
  return 0;
}

static long op_fork_exec(void) {
  static char* const arguments[] = {"yett-bench-micro", "exit", NULL};
  static char* const environment[] = {NULL};
  const pid_t child = fork();
  if (child == 0) {
    execve("/proc/self/exe", arguments, environment);
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) die("fork and exec");
  return 0;
}

static long op_mmap(void) {
  char* memory = mmap(NULL, kMapping, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  memory[0] = 1;
  munmap(memory, kMapping);
  return 0;
}

static long op_mkdir(void) {
  char path[300];
  snprintf(path, sizeof path, "%s/made", directory);
  if (mkdir(path, 0700) != 0 || rmdir(path) != 0) die(path);
  return 0;
}

static struct sockaddr_in loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(kPort)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void start_listener(void) {
  const struct sockaddr_in address = loopback();
  const int one = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (listener < 0 || bind(listener, (const struct sockaddr*)&address, sizeof address) != 0 ||
      listen(listener, 16) != 0)
    die("listen on 127.0.0.1");
}

/* Only connect(2) counts: sockets before and after it are left out. */
static long op_connect(void) {
  const struct sockaddr_in address = loopback();
  const struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* no TIME_WAIT is left */
  const long begun = now_ns();
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const long connecting = now_ns();
  if (connect(client, (const struct sockaddr*)&address, sizeof address) != 0) die("connect");
  const long connected = now_ns();
  const int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  close(client);
  close(accepted);
  return now_ns() - connected + (connecting - begun);
}

/* The same with the making of its socket, which is what a lent socket costs more. */
static long op_socket_connect(void) {
  const struct sockaddr_in address = loopback();
  const struct linger reset = {.l_onoff = 1, .l_linger = 0};
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(client, (const struct sockaddr*)&address, sizeof address) != 0) die("connect");
  const long connected = now_ns();
  setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  close(client);
  close(accepted);
  return now_ns() - connected;
}

static long op_sysinfo(void) {
  struct sysinfo told;
  if (sysinfo(&told) != 0) die("sysinfo");
  return 0;
}

static long op_getppid(void) { return syscall(SYS_getppid) >= 0 ? 0 : 1; }

static long op_dup(void) {
  const int copy = dup(STDIN_FILENO);
  if (copy < 0) die("dup");
  close(copy);
  return 0;
}

static long op_lseek(void) {
  if (lseek(file, 0, SEEK_SET) != 0) die("lseek");
  return 0;
}

/* The names in a directory that is the same everywhere: opened, read once, closed. */
static long op_getdents(void) {
  char names[2048];
  const int opened = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0 || syscall(SYS_getdents64, opened, names, sizeof names) <= 0)
    die("getdents of /usr");
  close(opened);
  return 0;
}

static long op_fork(void) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  if (child < 0 || waitpid(child, NULL, 0) != child) die("fork");
  return 0;
}

static void* return_at_once(void* nothing) { return nothing; }

static long op_thread(void) {
  pthread_t thread;
  errno = pthread_create(&thread, NULL, return_at_once, NULL);
  if (errno != 0) die("thread");
  pthread_join(thread, NULL);
  return 0;
}

static void on_signal(int number) { (void)number; }

static void start_signal(void) { signal(SIGUSR1, on_signal); }

static long op_signal(void) {
  if (raise(SIGUSR1) != 0) die("raise");
  return 0;
}

static long op_futex_wake(void) {
  static int nobody_waits;
  if (syscall(SYS_futex, &nobody_waits, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) != 0) die("futex");
  return 0;
}

static long op_socketpair(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) die("socketpair");
  close(ends[0]);
  close(ends[1]);
  return 0;
}

static long op_poll(void) {
  struct pollfd watched = {.fd = pipe_ends[0], .events = POLLIN};
  if (poll(&watched, 1, 0) != 0) die("poll");
  return 0;
}

static long op_rename(void) {
  char one[300], other[300];
  snprintf(one, sizeof one, "%s/one", directory);
  snprintf(other, sizeof other, "%s/other", directory);
  close(open(one, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (rename(one, other) != 0 || unlink(other) != 0) die(other);
  return 0;
}

/* A file of 1 MiB is made, written and removed; nothing waits for the disk itself. */
static long op_write_file(void) {
  char path[300];
  snprintf(path, sizeof path, "%s/written", directory);
  const int opened = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (opened < 0) die(path);
  for (int i = 0; i < kFileBlocks; i++)
    if (write(opened, block, kBlock) != kBlock) die(path);
  close(opened);
  unlink(path);
  return 0;
}

/* ---- measuring --------------------------------------------------------------------------------
 */

struct operation {
  const char* name;
  void (*start)(void);
  long (*once)(void);
};

static const struct operation operations[] = {
    {"getpid", NULL, op_getpid},
    {"clock_gettime", NULL, op_clock_gettime},
    {"open+close", NULL, op_open_close},
    {"open", NULL, op_open},
    {"stat", NULL, op_stat},
    {"read-4k", start_file, op_read},
    {"write-4k", start_file, op_write},
    {"pipe", start_pipe, op_pipe},
    {"fork+exec", NULL, op_fork_exec},
    {"mmap+munmap", NULL, op_mmap},
    {"mkdir+rmdir", NULL, op_mkdir},
    {"connect", start_listener, op_connect},
    {"socket+connect", start_listener, op_socket_connect},
    {"sysinfo", NULL, op_sysinfo},
    {"getppid", NULL, op_getppid},
    {"dup+close", NULL, op_dup},
    {"lseek", start_file, op_lseek},
    {"getdents", NULL, op_getdents},
    {"fork+wait", NULL, op_fork},
    {"thread", NULL, op_thread},
    {"signal", start_signal, op_signal},
    {"futex-wake", NULL, op_futex_wake},
    {"socketpair", NULL, op_socketpair},
    {"poll", start_pipe, op_poll},
    {"create+rename", NULL, op_rename},
    {"write-1M", NULL, op_write_file},
    /* The bare RECV/SEND round trip: what a notified call costs at the least. Last, for the filter
     * stays. */
    {"notify-baseline", start_notify_baseline, op_sysinfo},
    {"addfd-baseline", start_addfd, op_open},
    {"open-baseline", start_open_baseline, op_open},
};

static double chunk(const struct operation* operation, long count) {
  long left_out = 0;
  const long begun = now_ns();
  for (long i = 0; i < count; i++) left_out += operation->once();
  return (double)(now_ns() - begun - left_out) / (double)count;
}

static int compare(const void* left, const void* right) {
  const double difference = *(const double*)left - *(const double*)right;
  return difference < 0 ? -1 : difference > 0;
}

static double measure(const struct operation* operation) {
  double figures[kChunks];
  if (operation->start != NULL) operation->start();
  chunk(operation, 3); /* warm-up */
  const double once = chunk(operation, 5);
  const long count = once < kChunkNs ? (long)(kChunkNs / (once > 1 ? once : 1)) + 1 : 1;
  for (int i = 0; i < kChunks; i++) figures[i] = chunk(operation, count);
  qsort(figures, kChunks, sizeof figures[0], compare);
  return figures[kChunks / 2];
}

static const struct operation* find(const char* name) {
  for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
    if (strcmp(operations[i].name, name) == 0) return &operations[i];
  fprintf(stderr, "yett-bench-micro: %s: no such operation\n", name);
  exit(2);
}

static int idle(void) {
  char byte;
  if (write(STDOUT_FILENO, "up\n", 3) != 3) return 1;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

static void read_file(int within, const char* name) {
  static char piece[65536];
  const int opened = openat(within, name, O_RDONLY | O_CLOEXEC);
  if (opened < 0) return;
  while (read(opened, piece, sizeof piece) > 0) {
  }
  close(opened);
}

static int read_directory(const char* path) {
  DIR* opened = opendir(path);
  if (opened == NULL) return -1;
  for (const struct dirent* entry; (entry = readdir(opened)) != NULL;)
    if (entry->d_type != DT_DIR) read_file(dirfd(opened), entry->d_name);
  return closedir(opened);
}

static int read_all(char** directories, int count) {
  long quickest = 0;
  for (int turn = 0; turn < 5; turn++) {
    const long begun = now_ns();
    for (int i = 0; i < count; i++)
      if (read_directory(directories[i]) != 0) return perror(directories[i]), 1;
    const long taken = now_ns() - begun;
    if (turn == 0 || taken < quickest) quickest = taken;
  }
  printf("read %ld\n", quickest);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "idle") == 0) return idle();
  if (argc == 2 && strcmp(argv[1], "exit") == 0) return 0;
  if (argc == 2 && strcmp(argv[1], "pause") == 0) return pause(); /* a container's program */
  if (argc > 2 && strcmp(argv[1], "read") == 0) return read_all(argv + 2, argc - 2);
  if (argc < 3) {
    fputs("usage: yett-bench-micro DIRECTORY OPERATION...\n", stderr);
    return 2;
  }
  snprintf(directory, sizeof directory, "%s", argv[1]);
  for (volatile int i = 2; i < argc; i++)
    if (setjmp(give_up) == 0) printf("%s %.1f\n", argv[i], measure(find(argv[i])));
  return 0;
}

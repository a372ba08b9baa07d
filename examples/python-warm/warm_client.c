/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks instances of a warm-fork template: a new one for each request, and tells how long it took
 * from asking for the instance to the last byte of its answer.
 *
 *     $ warm_client /run/yettd.sock service 3 '{"sql": "select 6 * 7"}'
 *     {"rows": [[42]], "tls": "OpenSSL 3.0.17 1 Jul 2025", "random": 0.6291067988126166}
 *     ...
 *     3 instances, least 2300 us, median 2400 us
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <yett/yett.h>

#define MOST 1000

static long now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static int compare(const void* one, const void* other) {
  const long left = *(const long*)one;
  const long right = *(const long*)other;
  return (left > right) - (left < right);
}

/* One line, without its end. -1: there is none. */
static int read_line(int socket, char* line, size_t room) {
  size_t size = 0;
  while (size + 1 < room) {
    const ssize_t got = read(socket, line + size, 1);
    if (got <= 0) return -1;
    if (line[size] == '\n') break;
    ++size;
  }
  line[size] = '\0';
  return 0;
}

/* -errno, or how long it took. */
static long ask(struct yett_host* host, int sandbox, const char* request) {
  char* words[] = {(char*)"client", NULL};
  int ends[3] = {-1, -1, -1};
  char line[4096];
  const long began = now_us();
  const struct yett_program wanted = {.size = sizeof wanted,
                                      .sandbox = sandbox,
                                      .arguments = words,
                                      .descriptors = {-1, -1, STDERR_FILENO}};
  const int program = yett_spawn(host, &wanted, YETT_STDIO_SOCKET, ends);
  long took = -EPIPE;
  if (program < 0) return program;
  if (dprintf(ends[0], "%s\n", request) > 0 && read_line(ends[0], line, sizeof line) == 0) {
    took = now_us() - began;
    puts(line);
  }
  close(ends[0]); /* the end of its input: it leaves by itself */
  yett_wait(host, program, 5000, NULL);
  return took;
}

int main(int argc, char** argv) {
  static long times[MOST];
  struct yett_host* host = NULL;
  if (argc != 5) {
    fprintf(stderr, "usage: %s SOCKET TEMPLATE COUNT REQUEST\n", argv[0]);
    return 2;
  }
  const int count = atoi(argv[3]) < MOST ? atoi(argv[3]) : MOST;
  int result = yett_connect(argv[1], &host);
  const int sandbox = result == 0 ? yett_create(host, argv[2]) : result;
  if (sandbox < 0) result = sandbox;
  for (int i = 0; i < count && result == 0; ++i) {
    times[i] = ask(host, sandbox, argv[4]);
    if (times[i] < 0) result = (int)times[i];
  }
  yett_disconnect(host);
  if (result != 0) {
    fprintf(stderr, "%s: %s\n", argv[2], strerror(-result));
    return 1;
  }
  qsort(times, (size_t)count, sizeof times[0], compare);
  if (count > 0)
    printf("%d instances, least %ld us, median %ld us\n", count, times[0], times[count / 2]);
  return 0;
}

/* The calls of yett/yett.h that ask the other end. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libyett/connection.h"

int yett_read_info(struct yett_host* host, struct yett_info* info) {
  struct yett_info wanted = {.size = sizeof wanted};
  memcpy(host->message.memory, &wanted, sizeof wanted);
  const int result = call(host, YETT_INFO, 0, sizeof wanted);
  if (result >= 0) memcpy(info, host->message.memory, sizeof *info);
  return result;
}

int yett_create(struct yett_host* host, const char* directory) {
  const size_t end = put(host, 0, directory);
  return end == 0 ? -ENAMETOOLONG : call(host, YETT_CREATE, 0, end);
}

int yett_remove(struct yett_host* host, int sandbox) {
  return call(host, YETT_REMOVE, (uint64_t)sandbox, 0);
}

int yett_start(struct yett_host* host, const struct yett_program* program) {
  struct yett_spawn_call wanted = {
      .size = sizeof wanted, .sandbox = program->sandbox, .strings = sizeof wanted};
  if (program->size != sizeof *program || program->arguments == NULL) return -EINVAL;
  size_t end = put_all(host, sizeof wanted, program->arguments, &wanted.argument_count);
  end = put_all(host, end, program->environment, &wanted.environment_count);
  if (end == 0) return -E2BIG;
  if (wanted.argument_count == 0) return -EINVAL;
  wanted.strings_size = (__u32)(end - sizeof wanted);
  memcpy(host->message.memory, &wanted, sizeof wanted);
  const int number = call_with(host, YETT_SPAWN, 0, end, program->descriptors, 3);
  if (number > 0 && note_program(host, number) == NULL) return -ENOMEM;
  return number;
}

static int open_socket_pair(int theirs[3], int ours[3], int error) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -errno;
  theirs[0] = theirs[1] = pair[1];
  theirs[2] = error;
  ours[0] = pair[0];
  return 0;
}

static int open_pipes(int theirs[3], int ours[3]) {
  for (int i = 0; i < 3; ++i) {
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) != 0) return -errno;
    theirs[i] = pair[i == 0 ? 0 : 1];
    ours[i] = pair[i == 0 ? 1 : 0];
  }
  return 0;
}

static void close_all(const int* descriptors, int count) {
  for (int i = 0; i < count; ++i)
    if (descriptors[i] >= 0) close(descriptors[i]);
}

int yett_spawn(struct yett_host* host, const struct yett_program* program, enum yett_stdio how,
               int ends[3]) {
  int theirs[3] = {-1, -1, -1};
  int ours[3] = {-1, -1, -1};
  if (program->size != sizeof *program || (how != YETT_STDIO_SOCKET && how != YETT_STDIO_PIPES))
    return -EINVAL;
  int result = how == YETT_STDIO_SOCKET ? open_socket_pair(theirs, ours, program->descriptors[2])
                                        : open_pipes(theirs, ours);
  struct yett_program wanted = *program;
  memcpy(wanted.descriptors, theirs, sizeof theirs);
  if (result == 0) result = yett_start(host, &wanted);
  close_all(theirs, how == YETT_STDIO_SOCKET ? 1 : 3); /* a socket's is one descriptor twice */
  if (result < 0)
    close_all(ours, 3);
  else
    memcpy(ends, ours, sizeof ours);
  return result;
}

/* Its end may come before the answer does. */
int yett_take(struct yett_host* host, int program) {
  const int result = call(host, YETT_TAKE, (uint64_t)program, 0);
  return result == 0 && note_program(host, program) == NULL ? -ENOMEM : result;
}

int yett_kill(struct yett_host* host, int program, int signal) {
  const struct yett_signal wanted = {.size = sizeof wanted, .program = program, .signal = signal};
  memcpy(host->message.memory, &wanted, sizeof wanted);
  return call(host, YETT_SIGNAL, 0, sizeof wanted);
}

int yett_stats(struct yett_host* host, int program, struct yett_program_info* told) {
  const struct yett_program_info wanted = {.size = sizeof wanted, .program = program};
  memcpy(host->message.memory, &wanted, sizeof wanted);
  const int result = call(host, YETT_PROGRAM, 0, sizeof wanted);
  if (result >= 0) memcpy(told, host->message.memory, sizeof *told);
  return result;
}

int yett_watch(struct yett_host* host) { return call(host, YETT_EVENTS, 1, 0); }

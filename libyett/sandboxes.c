/* The calls of yett/yett.h that ask the other end. */
#include <errno.h>
#include <string.h>

#include "libyett/connection.h"

/* Puts a string into the call's memory at `at`: the place after it, or 0: there is no room. */
static size_t put(struct yett_host* host, size_t at, const char* text) {
  const size_t size = strlen(text) + 1;
  if (size > sizeof host->message.memory - at) return 0;
  memcpy(host->message.memory + at, text, size);
  return at + size;
}

/* The same for a list that NULL ends; counts it. */
static size_t put_all(struct yett_host* host, size_t at, char* const* texts, __u32* count) {
  *count = 0;
  for (; at != 0 && texts != NULL && *texts != NULL; ++texts, ++*count) at = put(host, at, *texts);
  return at;
}

int yett_read_info(struct yett_host* host, struct yett_info* info) {
  struct yett_info wanted = {.size = sizeof wanted};
  memcpy(host->message.memory, &wanted, sizeof wanted);
  const int result = call(host, YETT_INFO, 0, sizeof wanted, NULL);
  if (result >= 0) memcpy(info, host->message.memory, sizeof *info);
  return result;
}

int yett_create(struct yett_host* host, const char* directory) {
  const size_t end = put(host, 0, directory);
  return end == 0 ? -ENAMETOOLONG : call(host, YETT_CREATE, 0, end, NULL);
}

int yett_remove(struct yett_host* host, int sandbox) {
  return call(host, YETT_REMOVE, (uint64_t)sandbox, 0, NULL);
}

int yett_start(struct yett_host* host, const struct yett_program* program) {
  struct yett_spawn wanted = {
      .size = sizeof wanted, .sandbox = program->sandbox, .strings = sizeof wanted};
  if (program->size != sizeof *program || program->arguments == NULL) return -EINVAL;
  size_t end = put_all(host, sizeof wanted, program->arguments, &wanted.argument_count);
  end = put_all(host, end, program->environment, &wanted.environment_count);
  if (end == 0) return -E2BIG;
  if (wanted.argument_count == 0) return -EINVAL;
  wanted.strings_size = (__u32)(end - sizeof wanted);
  memcpy(host->message.memory, &wanted, sizeof wanted);
  const int number = call(host, YETT_SPAWN, 0, end, program->descriptors);
  if (number > 0 && note_program(host, number) == NULL) return -ENOMEM;
  return number;
}

/* ---- ends ---------------------------------------------------------------------------------------
 */

static struct program* first_ended(struct yett_host* host) {
  struct program* first = NULL;
  for (size_t i = 0; i < host->count; ++i) {
    struct program* each = &host->programs[i];
    if (each->ended != 0 && (first == NULL || each->ended < first->ended)) first = each;
  }
  return first;
}

int yett_next_event(struct yett_host* host, int timeout_ms, struct yett_event* event) {
  const int64_t deadline = deadline_after(timeout_ms);
  struct program* ended;
  while ((ended = first_ended(host)) == NULL) {
    const int got = receive_frame(host, deadline);
    if (got < 0) return got == -ETIMEDOUT ? 0 : got;
  }
  *event = (struct yett_event){.program = ended->number, .status = ended->status};
  forget_program(host, ended);
  return 1;
}

int yett_wait(struct yett_host* host, int program, int timeout_ms, int* status) {
  const int64_t deadline = deadline_after(timeout_ms);
  for (;;) {
    struct program* waited = find_program(host, program);
    if (waited == NULL) return -ENOENT;
    if (waited->ended != 0) {
      if (status != NULL) *status = waited->status;
      forget_program(host, waited);
      return 0;
    }
    const int got = receive_frame(host, deadline);
    if (got < 0) return got;
  }
}

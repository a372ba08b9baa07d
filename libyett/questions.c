/* What programs ask of the application, and its answers. */
#include <errno.h>
#include <string.h>

#include "libyett/connection.h"

int yett_read_question(struct yett_host* host, int program, unsigned long long from,
                       struct yett_asked* asked) {
  struct yett_question wanted = {.size = sizeof wanted,
                                 .program = program,
                                 .question = from,
                                 .path = sizeof wanted,
                                 .path_room = sizeof asked->path};
  memcpy(host->message.memory, &wanted, sizeof wanted);
  memset(host->message.memory + sizeof wanted, 0, sizeof asked->path);
  const int result = call(host, YETT_QUESTION, 0, sizeof wanted + sizeof asked->path);
  if (result < 0) return result;
  memcpy(&wanted, host->message.memory, sizeof wanted);
  *asked = (struct yett_asked){.program = wanted.program,
                               .question = wanted.question,
                               .access = (int)wanted.access,
                               .left_ms = wanted.left_ms,
                               .pid = wanted.pid};
  memcpy(asked->comm, wanted.comm, sizeof asked->comm);
  memcpy(asked->call, wanted.call, sizeof asked->call);
  memcpy(asked->path, host->message.memory + sizeof wanted, sizeof asked->path);
  asked->comm[sizeof asked->comm - 1] = asked->call[sizeof asked->call - 1] =
      asked->path[sizeof asked->path - 1] = '\0';
  return 0;
}

int yett_answer(struct yett_host* host, int program, unsigned long long question, int answer,
                int file) {
  const struct yett_answer_call wanted = {
      .size = sizeof wanted, .program = program, .question = question, .answer = (__u32)answer};
  if ((answer == YETT_ANSWER_INSTEAD) != (file >= 0)) return -EINVAL;
  memcpy(host->message.memory, &wanted, sizeof wanted);
  return call_with(host, YETT_ANSWER, 0, sizeof wanted, &file, file >= 0 ? 1 : 0);
}

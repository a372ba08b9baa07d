/* A sandbox of the application's own words: what `yett run` would begin, begun by yettd. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libyett/connection.h"

/* The words that are gathered in the call's memory. */
struct words {
  struct yett_host* host;
  size_t at; /* 0: there was no room */
  __u32 count;
};

static void add(struct words* words, const char* text) {
  if (words->at != 0) words->at = put(words->host, words->at, text);
  ++words->count;
}

/* An option and its value, where there is one. */
static void add_option(struct words* words, const char* name, const char* value) {
  if (value == NULL) return;
  add(words, name);
  add(words, value);
}

static void add_all(struct words* words, char* const* texts) {
  for (; texts != NULL && *texts != NULL; ++texts) add(words, *texts);
}

/* "/usr,/var", as one word. */
static void add_joined(struct words* words, const char* name, char* const* texts) {
  if (texts == NULL || *texts == NULL) return;
  add_option(words, name, *texts);
  for (++texts; *texts != NULL && words->at != 0; ++texts) {
    words->host->message.memory[words->at - 1] = ',';
    words->at = put(words->host, words->at, *texts);
  }
}

static void add_user(struct words* words, unsigned uid, unsigned gid) {
  char user[32];
  snprintf(user, sizeof user, "%u:%u", uid, gid);
  if (uid != 0 || gid != 0) add_option(words, "-u", user);
}

static void add_environment(struct words* words, char* const* environment) {
  for (; environment != NULL && *environment != NULL; ++environment)
    if (strchr(*environment, '=') != NULL) add_option(words, "-e", *environment);
}

static void add_request(struct words* words, const struct yett_request* request) {
  add_user(words, request->uid, request->gid);
  add_option(words, "--exec-dir", request->exec_dir);
  add_option(words, "--data-dir", request->data_dir);
  add_joined(words, "--overlay-dirs", request->overlay_dirs);
  add_environment(words, request->environment);
  add_all(words, request->options);
  if (request->package != NULL) add(words, request->package);
  add(words, "--");
  add_all(words, request->arguments);
}

/* Of `yett run` itself, which needs it where it is another user's than root: not the program's. */
static void add_own_environment(struct words* words) {
  static const char* const kNames[] = {"HOME", "PATH", "XDG_RUNTIME_DIR"};
  for (size_t i = 0; i < sizeof kNames / sizeof *kNames; ++i) {
    const char* value = getenv(kNames[i]);
    if (value == NULL || words->at == 0) continue;
    const size_t name_end = put(words->host, words->at, kNames[i]);
    if (name_end != 0) words->host->message.memory[name_end - 1] = '=';
    words->at = name_end == 0 ? 0 : put(words->host, name_end, value);
    ++words->count;
  }
}

int yett_start_request(struct yett_host* host, const struct yett_request* request) {
  struct yett_run wanted = {.size = sizeof wanted, .strings = sizeof wanted};
  struct words words = {.host = host, .at = sizeof wanted};
  if (request->size != sizeof *request) return -EINVAL;
  if (request->package != NULL && *request->package == '-') return -EINVAL;
  add_request(&words, request);
  wanted.argument_count = words.count;
  add_own_environment(&words);
  wanted.environment_count = words.count - wanted.argument_count;
  if (words.at == 0) return -E2BIG;
  wanted.strings_size = (__u32)(words.at - sizeof wanted);
  memcpy(host->message.memory, &wanted, sizeof wanted);
  const int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (here < 0) return -errno;
  const int passed[kMostPassed] = {request->descriptors[0], request->descriptors[1],
                                   request->descriptors[2], here};
  const int number = call_with(host, YETT_RUN, 0, words.at, passed, kMostPassed);
  close(here);
  if (number > 0 && note_program(host, number) == NULL) return -ENOMEM;
  return number;
}

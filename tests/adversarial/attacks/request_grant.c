// YETT_REQUEST_GRANT, used rightly and otherwise. Arguments: the file that is asked for, then
// attempts. What asks somebody: read_it, write_it, read_longer; the rest is nobody's question, but
// for soon, which nobody has the time to answer.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <yett/uapi.h>

#include "attempt.h"

static const char* path;

static int device(void) { return open(YETT_DEVICE, O_RDWR | O_CLOEXEC); }

static struct yett_grant wish(unsigned flags) {
  return (struct yett_grant){.size = sizeof(struct yett_grant),
                             .kind = YETT_GRANT_FILE,
                             .text = (unsigned long)path,
                             .flags = flags};
}

static long ask(const void* given) { return ioctl(device(), YETT_REQUEST_GRANT, given); }

static long show(long file, int close_on_exec) {
  char text[64] = "";
  if (file < 0 || read((int)file, text, sizeof text - 1) < 0) return -1;
  printf("content %s", text);
  const int flags = fcntl((int)file, F_GETFD);
  errno = ENOTRECOVERABLE;
  return flags == (close_on_exec ? FD_CLOEXEC : 0) ? 0 : -1;
}

static long read_it(void) {
  const struct yett_grant given = wish(YETT_GRANT_READ | YETT_GRANT_CLOEXEC);
  return show(ask(&given), 1);
}
static long write_it(void) {
  const struct yett_grant given = wish(YETT_GRANT_READ | YETT_GRANT_WRITE);
  const long file = ask(&given);
  return file < 0 || pwrite((int)file, "W", 1, 0) != 1 ? -1 : show(file, 0);
}
struct longer {
  struct yett_grant known;
  unsigned long unknown;
};
static long read_longer(void) {
  struct longer given = {.known = wish(YETT_GRANT_READ)};
  given.known.size = sizeof given;
  return show(ask(&given), 0);
}
static long soon(void) {
  struct yett_grant given = wish(YETT_GRANT_READ);
  given.timeout_ms = 200;
  return ask(&given);
}

static long longer_nonzero(void) {
  struct longer given = {.known = wish(YETT_GRANT_READ), .unknown = 1};
  given.known.size = sizeof given;
  return ask(&given);
}
static long of_size(unsigned size) {
  struct yett_grant given = wish(YETT_GRANT_READ);
  given.size = size;
  return ask(&given);
}
static long shorter(void) { return of_size(YETT_GRANT_SIZE_1 - 1); }
static long no_size(void) { return of_size(0); }
static long huge(void) { return of_size(YETT_STRUCT_MAX + 1); }
static long other_kind(void) {
  struct yett_grant given = wish(YETT_GRANT_READ);
  given.kind = 7;
  return ask(&given);
}
static long no_access(void) {
  const struct yett_grant given = wish(YETT_GRANT_CLOEXEC);
  return ask(&given);
}
static long unknown_flag(void) {
  const struct yett_grant given = wish(YETT_GRANT_READ | 0x80000000U);
  return ask(&given);
}
static long ask_at(const void* text) {
  struct yett_grant given = wish(YETT_GRANT_READ);
  given.text = (unsigned long)text;
  return ask(&given);
}
static long no_text(void) { return ask_at(NULL); }
static long relative(void) { return ask_at("data/asked"); }
static long empty(void) { return ask_at(""); }
static long not_there(void) { return ask_at("/var/tmp/none/of/it"); }
static long of_proc(void) { return ask_at("/proc/1/environ"); }
static long directory(void) { return ask_at("/var/tmp"); }
static long too_long(void) {
  static char text[8192];
  memset(text, '/', sizeof text - 1);
  return ask_at(text);
}
static long no_struct(void) { return ask(NULL); }
static long other_file(void) {
  const struct yett_grant given = wish(YETT_GRANT_READ);
  return ioctl(open("/dev/null", O_RDWR), YETT_REQUEST_GRANT, &given);
}
static long told(void) {
  struct yett_info info = {.size = sizeof info};
  if (ioctl(device(), YETT_INFO, &info) != 0) return -1;
  errno = ENOTTY;
  return (info.commands >> _IOC_NR(YETT_REQUEST_GRANT) & 1) != 0 ? 0 : -1;
}

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(told),       ATTEMPT(read_it),   ATTEMPT(read_longer),    ATTEMPT(write_it),
    ATTEMPT(soon),       ATTEMPT(shorter),   ATTEMPT(longer_nonzero), ATTEMPT(no_size),
    ATTEMPT(huge),       ATTEMPT(no_access), ATTEMPT(other_kind),     ATTEMPT(unknown_flag),
    ATTEMPT(no_text),    ATTEMPT(relative),  ATTEMPT(empty),          ATTEMPT(not_there),
    ATTEMPT(of_proc),    ATTEMPT(directory), ATTEMPT(too_long),       ATTEMPT(no_struct),
    ATTEMPT(other_file),
};

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  path = argv[1];
  return make_attempts(kAttempts, sizeof kAttempts / sizeof *kAttempts, argc - 1, argv + 1);
}

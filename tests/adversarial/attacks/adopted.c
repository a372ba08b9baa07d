// What a sandbox with a successor does while its supervisors die: rounds of calls that must be
// refused, and of calls that must be answered, each exactly once, until /data/stop is there. What
// must not be leaves a file in /data that tells; /data/round counts the rounds, /data/said has the
// number of each line that the supervisor said it wrote to the log.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include <yett/uapi.h>

static void tell(const char* name) {
  char path[256];
  snprintf(path, sizeof path, "/data/%s", name);
  const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) close(file);
}

static void expect_refusal(long result, const char* name) {
  if (result >= 0) tell(name);
  if (result < 0 && errno == ENOSYS) tell("nobody_answers");
}

static void try_the_forbidden(void) {
  expect_refusal(unshare(CLONE_NEWUSER), "unshare");
  expect_refusal(socket(AF_NETLINK, SOCK_RAW, 0), "netlink");
  expect_refusal(syscall(SYS_keyctl, 0, 0, 0, 0, 0), "keyctl");
}

static void ask_what_must_be_answered(void) {
  struct sysinfo told;
  memset(&told, 0xff, sizeof told);
  if (sysinfo(&told) != 0 || told.mem_unit == 0xffffffff) tell("sysinfo_unanswered");
}

// The lowest free number, again and again: a socket that was given twice would stay behind.
static void be_lent_a_socket(int expected) {
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int kind = 0;
  socklen_t size = sizeof kind;
  if (made < 0 || getsockopt(made, SOL_SOCKET, SO_TYPE, &kind, &size) != 0) tell("no_socket");
  if (made >= 0 && made != expected) tell("spare_socket");
  if (made >= 0) close(made);
}

// EIO: nobody knows whether it was written.
static void say(int device, int said, unsigned long round) {
  char text[32];
  const int length = snprintf(text, sizeof text, "line %lu.", round);
  struct yett_log line = {
      .size = sizeof line, .text_size = (unsigned)length, .text = (unsigned long)text};
  const int result = ioctl(device, YETT_LOG, &line);
  if (result == 0 && write(said, text, (size_t)length) != length) tell("said_unwritten");
  if (result != 0 && errno != EIO) tell("log_unanswered");
}

int main(void) {
  const int device = open(YETT_DEVICE, O_RDWR | O_CLOEXEC);
  const int rounds = open("/data/round", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int said = open("/data/said", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  for (unsigned long round = 1; access("/data/stop", F_OK) != 0; ++round) {
    try_the_forbidden();
    ask_what_must_be_answered();
    if (getenv("LENT") != NULL) be_lent_a_socket(said + 1);
    say(device, said, round);
    if (pwrite(rounds, &round, sizeof round, 0) != sizeof round) tell("round_unwritten");
    usleep(4000);  // what is logged within a second is told line by line up to a number
  }
  return 7;
}

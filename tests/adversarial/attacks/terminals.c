// Typing into a terminal from behind (TIOCSTI, TIOCLINUX) and its relatives, on a terminal of the
// program's own, which is the best case for the attacker.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "attempt.h"

static int slave = -1;

// Makes a terminal the controlling one of this attempt's process.
static int open_terminal(void) {
  if (setsid() < 0) return -1;
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || unlockpt(master) < 0) return -1;
  slave = open(ptsname(master), O_RDWR);
  return slave;
}

static long request(uint64_t number, void* argument) {
  if (open_terminal() < 0) return -1;
  return syscall(SYS_ioctl, slave, number, argument);
}

static long tiocsti(void) { return request(TIOCSTI, "x"); }
static long tiocsti_high(void) { return request(TIOCSTI | 1ULL << 32, "x"); }
static long tiocsti_sign(void) { return request(0xFFFFFFFF00000000ULL | TIOCSTI, "x"); }
static long tioclinux(void) {
  char paste = 3;
  return request(TIOCLINUX, &paste);
}
static long tioclinux_high(void) {
  char paste = 3;
  return request(TIOCLINUX | 1ULL << 32, &paste);
}
static long tiocsetd(void) {
  int discipline = 0;
  return request(TIOCSETD, &discipline);
}
static long tiocexcl(void) { return request(TIOCEXCL, NULL); }
static long window_size(void) {  // allowed
  struct winsize size;
  return request(TIOCGWINSZ, &size);
}

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(tiocsti),        ATTEMPT(tiocsti_high), ATTEMPT(tiocsti_sign), ATTEMPT(tioclinux),
    ATTEMPT(tioclinux_high), ATTEMPT(tiocsetd),     ATTEMPT(tiocexcl),     ATTEMPT(window_size),
};

ATTEMPTS_MAIN(kAttempts)

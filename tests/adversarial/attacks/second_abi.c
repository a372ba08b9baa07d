// The same call by the other two ABIs of this processor.
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "attempt.h"

#define X32_BIT 0x40000000L

static long plain(void) { return syscall(SYS_getpid); }
static long x32(void) { return syscall(X32_BIT | SYS_getpid); }
static long i386(void) {
  long result = 20;  // getpid of i386
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  errno = result < 0 ? (int)-result : 0;
  return result < 0 ? -1 : result;
}

static const struct attempt attempts[] = {
    {"getpid", plain}, {"x32_getpid", x32}, {"i386_getpid", i386}};
ATTEMPTS_MAIN(attempts)

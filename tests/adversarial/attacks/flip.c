// The argument of a notified call is rewritten while the supervisor looks at it: one thread flips
// the new hard limit between what is permitted (the present one) and what is not (a higher one),
// the other asks for it. Prints "calls N flips M raised R": R must be 0.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
  unsigned long soft;
  _Atomic unsigned long hard;
} wanted;
static unsigned long start_hard;
static atomic_int done;
static unsigned long flips;

static void* flip(void* unused) {
  (void)unused;
  for (; !atomic_load_explicit(&done, memory_order_relaxed); flips += 2) {
    atomic_store_explicit(&wanted.hard, start_hard + 4096, memory_order_relaxed);
    for (int i = 0; i < 8; ++i) __builtin_ia32_pause();  // either value half of the time
    atomic_store_explicit(&wanted.hard, start_hard, memory_order_relaxed);
  }
  return NULL;
}

static unsigned long hard_now(void) {
  struct {
    unsigned long soft, hard;
  } now = {0, 0};
  syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &now);
  return now.hard;
}

int main(int argc, char** argv) {
  const unsigned long least_flips = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
  start_hard = hard_now();
  wanted.soft = 64;
  wanted.hard = start_hard;
  const long first = syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &wanted, NULL);
  printf("permitted %ld\n", first);
  pthread_t thread;
  pthread_create(&thread, NULL, flip, NULL);
  unsigned long calls = 0, raised = 0, refused = 0;
  for (; (flips < least_flips || calls < 1000 || refused < 20) && calls < 100000; ++calls) {
    if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &wanted, NULL) != 0) ++refused;
    if (hard_now() > start_hard) ++raised;
  }
  atomic_store(&done, 1);
  pthread_join(thread, NULL);
  printf("calls %lu refused %lu\nflips %lu\nraised %lu\n", calls, refused, flips, raised);
  return 0;
}

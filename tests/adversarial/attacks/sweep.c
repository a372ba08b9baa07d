// Makes the calls whose numbers come on stdin, one a line: "ABI NUMBER ARGUMENT" with ABI x86_64,
// x32 or i386 and the one value that all six arguments get. A call that blocks is given up after
// the milliseconds of the first argument. Prints "ABI NUMBER ARGUMENT RESULT".
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>

#include "attempt.h"

// libc turns a result above -4096 into errno; here the number itself is wanted.
static long call(long number, unsigned long argument) {
  register unsigned long fourth asm("r10") = argument;
  register unsigned long fifth asm("r8") = argument;
  register unsigned long sixth asm("r9") = argument;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(argument), "S"(argument), "d"(argument), "r"(fourth), "r"(fifth),
                 "r"(sixth)
               : "rcx", "r11", "memory");
  return result;
}

static long call_i386(long number) {
  long result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
               : "r8", "r9", "r10", "r11", "memory");
  return result;
}

static long make(const char* abi, long number, unsigned long argument) {
  if (strcmp(abi, "i386") == 0) return call_i386(number);
  return call(strcmp(abi, "x32") == 0 ? number | 0x40000000 : number, argument);
}

static int patience_ms = 0;  // 0: ten seconds

static void report(const char* abi, long number, const char* argument) {
  char name[64];
  snprintf(name, sizeof name, "%s %ld %s", abi, number, argument);
  const pid_t child = fork();
  if (child == 0) {
    if (patience_ms == 0) alarm(10);
    if (patience_ms != 0) ualarm((useconds_t)patience_ms * 1000, 0);
    const long result = make(abi, number, strcmp(argument, "ones") == 0 ? ~0UL : 0);
    report_error(name, result < 0 && result > -4096 ? (int)-result : 0);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) report_death(name, WTERMSIG(status));
}

int main(int argc, char** argv) {
  if (argc > 1) patience_ms = atoi(argv[1]);
  char abi[16], argument[16];
  long number;
  while (scanf("%15s %ld %15s", abi, &number, argument) == 3) report(abi, number, argument);
  return 0;
}

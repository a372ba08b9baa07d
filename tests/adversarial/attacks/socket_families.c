// Every socket family. Slow where a kernel looks for a module for each.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "attempt.h"

// "family_N": every type with protocol 0. ok when one of them can be made, else the last errno.
static void try_family(int family) {
  char name[32];
  snprintf(name, sizeof name, "family_%d", family);
  int error = 0;
  for (int type = 1; type <= 5; ++type) {
    const int made = socket(family, type, 0);
    if (made >= 0) {
      report_error(name, 0);
      close(made);
      return;
    }
    error = errno;
  }
  report_error(name, error);
}

int main(void) {
  for (int family = 0; family < 64; ++family) try_family(family);
  return 0;
}

// Execution of what never was a file: a memfd, made as old and as new programs make it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>

#include "attempt.h"

#define NOEXEC_SEAL 8U
#define EXEC 16U

// A memfd that holds a copy of this program.
static int filled(unsigned flags) {
  char buffer[65536];
  const int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const int fd = memfd_create("copy", MFD_CLOEXEC | flags);
  if (self < 0 || fd < 0) return -1;
  for (ssize_t size; (size = read(self, buffer, sizeof buffer)) > 0;)
    if (write(fd, buffer, (size_t)size) != size) return -1;
  return fd;
}

// On success the copy runs and reports in our place.
static long execute(int fd, const char* attempt) {
  char path[64];
  if (fd < 0) return -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  execl(path, path, "--ran", attempt, (char*)NULL);
  return -1;
}

static long plain(void) { return filled(0); }
static long execute_plain(void) { return execute(filled(0), "execute_plain"); }
static long execute_asked(void) { return execute(filled(EXEC), "execute_asked"); }
static long execute_sealed(void) { return execute(filled(NOEXEC_SEAL), "execute_sealed"); }

int main(int argc, char** argv) {
  static const struct attempt attempts[] = {{"plain", plain},
                                            {"execute_plain", execute_plain},
                                            {"execute_asked", execute_asked},
                                            {"execute_sealed", execute_sealed}};
  if (argc == 3 && strcmp(argv[1], "--ran") == 0) {
    report_error(argv[2], 0);
    return 0;
  }
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; ++i) make_attempt(&attempts[i]);
  return 0;
}

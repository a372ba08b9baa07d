// Opens everything below the given directories for writing, following no link, and prints what
// could be opened. Nothing is written.
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int visit(const char* path, const struct stat* status, int type, struct FTW* where) {
  (void)where;
  if (type != FTW_F || S_ISLNK(status->st_mode) || S_ISFIFO(status->st_mode)) return 0;
  const int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return 0;
  printf("%s\n", path);
  close(fd);
  return 0;
}

int main(int argc, char** argv) {
  int visited = 0;
  for (int i = 1; i < argc; ++i, ++visited) nftw(argv[i], visit, 32, FTW_PHYS);
  return 0;
}

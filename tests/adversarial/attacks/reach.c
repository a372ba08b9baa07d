// Where a process stands and what it reaches from there: "cwd PATH", "up NAME..." (what lies five
// levels above the working directory), "stdin NAME..." (what descriptor 0 shows as a directory).
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void list(const char* what, int fd) {
  DIR* directory = fd < 0 ? NULL : fdopendir(fd);
  printf("%s", what);
  if (directory == NULL) printf(" %s", strerrorname_np(errno));
  for (struct dirent* entry; directory != NULL && (entry = readdir(directory)) != NULL;)
    if (entry->d_name[0] != '.') printf(" %s", entry->d_name);
  printf("\n");
}

int main(void) {
  char path[PATH_MAX];
  printf("cwd %s\n", getcwd(path, sizeof path) != NULL ? path : strerrorname_np(errno));
  list("up", openat(AT_FDCWD, "../../../../..", O_RDONLY | O_DIRECTORY));
  list("stdin", openat(0, "../../../../..", O_RDONLY | O_DIRECTORY));
  return 0;
}

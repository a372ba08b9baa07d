// Prints, for each path given, "PATH <first line>" or "PATH ERRNO". With --wait: "ready", and
// waits.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void view(const char* path) {
  char text[128] = "";
  const int file = open(path, O_RDONLY | O_NONBLOCK);
  const ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (got < 0) {
    printf("%s %s\n", path, strerrorname_np(errno));
  } else {
    text[strcspn(text, "\n")] = '\0';
    printf("%s %s\n", path, text);
  }
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--wait") == 0) {
    printf("ready\n");
    fflush(stdout);
    pause();
  }
  for (int i = 1; i < argc; ++i) view(argv[i]);
  return 0;
}

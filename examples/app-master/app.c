/* The apps of app_master, by the name that it is given: `notes` keeps a file in its directory,
 * `crash` dies, `thief` looks for others' files, and for more than its own to write. Linked
 * statically, so that its package needs nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int can_open(const char* path, const char* mode) {
  FILE* file = fopen(path, mode);
  if (file != NULL) fclose(file);
  return file != NULL;
}

/* One line more each time that it is run. */
static int keep_notes(const char* directory) {
  char path[256];
  char line[64];
  int lines = 0;
  snprintf(path, sizeof path, "%s/notes", directory);
  FILE* file = fopen(path, "a+");
  if (file == NULL || fputs("a note\n", file) < 0 || fflush(file) != 0) return 1;
  rewind(file);
  while (fgets(line, sizeof line, file) != NULL) ++lines;
  fclose(file);
  printf("notes: %d\n", lines);
  return 0;
}

static int look_around(const char* directory) {
  char path[256];
  snprintf(path, sizeof path, "%s/../notes/notes", directory);
  const int found = can_open(path, "r") || can_open("/etc/shadow", "r");
  const int wrote = can_open("/usr/bin/thief", "w");
  const int own = can_open("/etc/thief", "w"); /* over the host's /etc, and gone with it */
  printf("thief: %s, %s, %s\n", found ? "READ IT" : "nothing to read",
         wrote ? "WROTE IT" : "nothing to write",
         own ? "an /etc of its own" : "NO /etc OF ITS OWN");
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  if (strcmp(argv[1], "crash") == 0) abort();
  return strcmp(argv[1], "thief") == 0 ? look_around(argv[2]) : keep_notes(argv[2]);
}

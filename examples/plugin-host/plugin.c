/* A plugin that answers lines: each in capitals. By the name that it is started under it is one of
 * those that a host has to live with: `crash` dies at its first line, `hang` never answers one,
 * `spy` looks for what it should not see, `reader` answers with a file that its host has for it in
 * PLUGIN_FILES, `prier` with one that is not for it. Linked statically, so that its root needs
 * nothing else. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file is not in this root: where the policy asks, the open waits until the host has answered.
 */
static void answer_with(const char* directory, const char* name) {
  char path[4096];
  char line[256];
  snprintf(path, sizeof path, "%s/%s", directory != NULL ? directory : "", name);
  FILE* file = fopen(path, "r");
  fputs(file != NULL && fgets(line, sizeof line, file) != NULL ? line : "nothing to read\n",
        stdout);
  if (file != NULL) fclose(file);
}

static void answer(const char* name, char* line) {
  if (strcmp(name, "crash") == 0) abort();
  if (strcmp(name, "hang") == 0) pause();
  if (strcmp(name, "spy") == 0) {
    printf(fopen("/etc/shadow", "r") != NULL ? "I READ /etc/shadow\n" : "nothing to see\n");
    return;
  }
  if (strcmp(name, "reader") == 0) return answer_with(getenv("PLUGIN_FILES"), "greeting");
  if (strcmp(name, "prier") == 0) return answer_with("/etc", "passwd");
  for (char* each = line; *each != '\0'; ++each) *each = (char)toupper((unsigned char)*each);
  fputs(line, stdout);
}

int main(int argc, char** argv) {
  char line[256];
  const char* slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) answer(slash != NULL ? slash + 1 : "", line);
  return 0;
}

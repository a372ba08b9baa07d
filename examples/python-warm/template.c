/* SPDX-License-Identifier: Apache-2.0
 *
 * A template in C: counts the words of a file once, and each instance answers from the table.
 *
 *     cc -o counter template.c && yettd with command = ["/app/counter", "/app/words"]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yett/ready.h>

static char words[4096][32];
static size_t word_count;

static void load(const char* path) {
  FILE* file = fopen(path, "r");
  if (file == NULL) return;
  while (word_count < 4096 && fscanf(file, "%31s", words[word_count]) == 1) ++word_count;
  fclose(file);
}

static size_t count(const char* wanted) {
  size_t found = 0;
  for (size_t i = 0; i < word_count; ++i)
    if (strcmp(words[i], wanted) == 0) ++found;
  return found;
}

int main(int argc, char** argv) {
  static struct yett_instance self; /* too large for some stacks */
  char line[64];
  if (argc > 1) load(argv[1]);
  if (yett_become_instance(&self) != 0) {
    perror("template");
    return 1;
  }
  srand(self.seed); /* else every instance would throw the same dice */
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    printf("%s %zu %d\n", line, count(line), rand());
    fflush(stdout);
  }
  return 0;
}

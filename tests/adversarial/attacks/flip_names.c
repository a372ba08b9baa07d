// Strings of calls that the supervisor carries out are rewritten while it looks at them: a thread
// flips the type of a mount between one that is given and one that is not, and the name of an
// attribute between one that is kept as it is and one that must not be set. Prints
// "flips N", "mounted N refused M forbidden K" and "kept N". Arguments: calls, the attribute's
// file, how many flips at least.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Eight bytes each, changed in one store.
union word {
  char text[8];
  unsigned long value;
};
static _Atomic unsigned long type;
static _Atomic unsigned long name[2];
static atomic_int done;
static _Atomic unsigned long flips;

static unsigned long word_of(const char* text) {
  union word word = {.value = 0};
  memcpy(word.text, text, strlen(text));
  return word.value;
}

static void* flip(void* unused) {
  (void)unused;
  for (; !atomic_load_explicit(&done, memory_order_relaxed); flips += 2) {
    atomic_store(&type, word_of("sysfs"));
    atomic_store(&name[0], word_of("trusted."));
    for (int i = 0; i < 64; ++i) __builtin_ia32_pause();
    atomic_store(&type, word_of("tmpfs"));
    atomic_store(&name[0], word_of("user.un."));
    for (int i = 0; i < 64; ++i) __builtin_ia32_pause();
  }
  return NULL;
}

static int count_sysfs(void) {
  FILE* mounts = fopen("/proc/self/mountinfo", "r");
  char* line = NULL;
  size_t size = 0;
  int count = 0;
  while (getline(&line, &size, mounts) > 0) count += strstr(line, " - sysfs ") != NULL;
  free(line);
  fclose(mounts);
  return count;
}

int main(int argc, char** argv) {
  const int calls = argc > 1 ? atoi(argv[1]) : 300;
  const char* file = argc > 2 ? argv[2] : "/tmp/file";
  const unsigned long least_flips = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
  mkdir("/tmp/place", 0755);
  atomic_store(&type, word_of("tmpfs"));
  atomic_store(&name[0], word_of("user.un."));
  atomic_store(&name[1], word_of("x"));
  pthread_t thread;
  pthread_create(&thread, NULL, flip, NULL);
  int mounted = 0, refused = 0, kept = 0;
  for (int i = 0; i < calls || flips < least_flips; ++i) {
    if (syscall(SYS_mount, "none", "/tmp/place", &type, 0, NULL) == 0)
      ++mounted;
    else
      ++refused;
    if (syscall(SYS_setxattr, file, name, "1", 1, 0) == 0) ++kept;
  }
  atomic_store(&done, 1);
  pthread_join(thread, NULL);
  printf("flips %lu\n", flips);
  printf("mounted %d refused %d forbidden %d\nkept %d\n", mounted, refused, count_sysfs(), kept);
  return 0;
}

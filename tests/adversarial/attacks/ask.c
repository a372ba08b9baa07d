// Under a policy that asks: rewrites what it asked for, asks too much, and turns what it was given
// into more. ask read PATH | flip A B | many COUNT DIRECTORY | more PATH
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "attempt.h"

static char path[256];
static char other[256];
static volatile int over;

static void* flip(void* unused) {
  char names[2][256];
  memcpy(names[0], path, sizeof path);
  memcpy(names[1], other, sizeof other);
  for (unsigned i = 0; !over; ++i) memcpy(path, names[i & 1], sizeof path);
  return unused;
}

static int show(int file) {
  char text[256] = "";
  const ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (size < 0)
    report_error("content", errno);
  else
    printf("content %s", text);
  fflush(stdout);
  return size < 0;
}

static int read_flipped(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, flip, NULL);
  int file = -1;
  // Until it is a question: both are there, so the first is, unless the path was torn.
  do file = open(path, O_RDONLY);
  while (file < 0 && errno == ENOENT);
  over = 1;
  pthread_join(thread, NULL);
  return show(file);
}

static int refused;
static int given;
static void* open_one(void* name) {
  if (open(name, O_RDONLY) >= 0)
    __atomic_add_fetch(&given, 1, __ATOMIC_SEQ_CST);
  else if (errno == EACCES)
    __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static int ask_many(int count, const char* directory) {
  static pthread_t threads[256];
  static char names[256][256];
  for (int i = 0; i < count; ++i) {
    snprintf(names[i], sizeof names[i], "%s/%d", directory, i);
    pthread_create(&threads[i], NULL, open_one, names[i]);
  }
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  printf("given %d refused %d\n", given, refused);
  return 0;
}

static int file;
static char own_link[64];
static long read_again(void) { return open(own_link, O_RDONLY); }
static long write_again(void) { return open(own_link, O_RDWR); }
static long truncate_again(void) { return truncate(own_link, 0); }
static long write_to_it(void) { return write(file, "x", 1); }
static long change_mode(void) { return fchmod(file, 0777); }
static long map_for_writing(void) {
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED ? -1 : 0;
}
static long map_for_execution(void) {
  return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) == MAP_FAILED ? -1 : 0;
}
static long execute(void) { return execl(own_link, "it", NULL); }
static long link_it(void) {
  return linkat(AT_FDCWD, own_link, AT_FDCWD, "/tmp/it", AT_SYMLINK_FOLLOW);
}
static long go_up(void) { return openat(file, "..", O_RDONLY | O_DIRECTORY); }
static long go_up_by_link(void) {
  char above[80];
  snprintf(above, sizeof above, "%s/..", own_link);
  return open(above, O_RDONLY);
}

static const struct attempt kMore[] = {{"read_again", read_again},
                                       {"write_again", write_again},
                                       {"truncate_again", truncate_again},
                                       {"write_to_it", write_to_it},
                                       {"change_mode", change_mode},
                                       {"map_for_writing", map_for_writing},
                                       {"map_for_execution", map_for_execution},
                                       {"execute", execute},
                                       {"link_it", link_it},
                                       {"go_up", go_up},
                                       {"go_up_by_link", go_up_by_link}};

static int want_more(const char* name) {
  file = open(name, O_RDONLY);
  if (file < 0) return show(file);
  snprintf(own_link, sizeof own_link, "/proc/self/fd/%d", file);
  return make_attempts(kMore, sizeof kMore / sizeof *kMore, 0, NULL);
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  snprintf(path, sizeof path, "%s", argv[2]);
  if (argc > 3) snprintf(other, sizeof other, "%s", argv[3]);
  if (strcmp(argv[1], "flip") == 0) return read_flipped();
  if (strcmp(argv[1], "many") == 0) return ask_many(atoi(argv[2]), argv[3]);
  if (strcmp(argv[1], "more") == 0) return want_more(argv[2]);
  return show(open(path, O_RDONLY));
}

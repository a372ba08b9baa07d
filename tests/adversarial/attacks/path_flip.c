// What is read of a path is rewritten meanwhile: `path_flip TRIES DIRECTORY [ask]`. One thread
// turns the last name of a path between files of DIRECTORY, the other opens it, every eighth time
// to write. Each file holds its own name. Prints how often which came, or none. With "ask", the
// second is opened once before, which may be a question.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kNames = 3, kWord = 8 };

static const char* const names[kNames] = {"visible0", "allowed0", "secret00"};
static _Alignas(kWord) char buffer[512];
static char* path;
static _Atomic unsigned long* last; /* eight bytes of the path, changed in one store */
static atomic_int over;
static unsigned long flips;

static unsigned long word_of(const char* name) {
  unsigned long word = 0;
  memcpy(&word, name, kWord);
  return word;
}

static void* flip(void* unused) {
  for (; !atomic_load_explicit(&over, memory_order_relaxed); ++flips) {
    atomic_store(last, word_of(names[flips % kNames]));
    for (unsigned long i = flips % 61; i > 0; --i) __builtin_ia32_pause();
    if (flips % 64 == 0) sched_yield();
  }
  return unused;
}

static void place_path(const char* directory) {
  const size_t length = strlen(directory) + 1;
  const size_t at = (length + kWord - 1) / kWord * kWord;
  path = buffer + at - length;
  snprintf(path, length + kWord + 1, "%s/%s", directory, names[1]);
  last = (_Atomic unsigned long*)(void*)(buffer + at);
}

static unsigned long came[kNames], refused, other, written;

static void open_once(unsigned long try) {
  const int access = try % 8 == 0 ? O_RDWR : O_RDONLY;
  const int file =
      try % 2 == 0 ? open(path, access | O_CLOEXEC) : openat(AT_FDCWD, path, access | O_CLOEXEC);
  if (file < 0) {
    ++*(errno == ENOENT || errno == EACCES || errno == EROFS ? &refused : &other);
    return;
  }
  char content[kWord] = "";
  written += access == O_RDWR;
  if (read(file, content, kWord) != kWord) ++other;
  for (int i = 0; i < kNames; ++i) came[i] += memcmp(content, names[i], kWord) == 0;
  close(file);
}

int main(int argc, char** argv) {
  if (argc < 3 || strlen(argv[2]) > 256) return 2;
  const unsigned long tries = strtoul(argv[1], NULL, 10);
  place_path(argv[2]);
  if (argc > 3) close(open(path, O_RDONLY | O_CLOEXEC));
  pthread_t thread;
  pthread_create(&thread, NULL, flip, NULL);
  for (unsigned long i = 0; i < tries; ++i) open_once(i);
  atomic_store(&over, 1);
  pthread_join(thread, NULL);
  for (int i = 0; i < kNames; ++i) printf("%s %lu\n", names[i], came[i]);
  printf("written %lu\nrefused %lu\nother %lu\nflips %lu\n", written, refused, other, flips);
  return 0;
}

// What yett/uapi.h offers, used as it says and as it says not to.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <yett/uapi.h>

#include "attempt.h"

static int device(void) { return open(YETT_DEVICE, O_RDWR | O_CLOEXEC); }

static long expect(int holds) {
  if (holds) return 0;
  errno = EBADE;
  return -1;
}

static long info(void) {
  struct yett_info given = {.size = sizeof given};
  if (ioctl(device(), YETT_INFO, &given) != 0) return -1;
  printf("sandbox=%s policy=%s mode=%s version=%u hash=%zu\n", given.sandbox, given.policy,
         given.mode, given.version, strlen(given.policy_sha256));
  return expect(given.size == sizeof given && (given.commands >> _IOC_NR(YETT_LOG) & 1) == 1);
}

static long stat_of_all(void) {
  struct yett_stat given = {.size = sizeof given};
  if (ioctl(device(), YETT_STAT, &given) != 0) return -1;
  printf("limit=%llu processes=%llu\n", given.memory_limit, given.process_limit);
  return expect(given.memory_bytes > 0 && given.process_count >= 2);
}

static long say(const char* text, unsigned size) {
  struct yett_log line = {.size = sizeof line, .text_size = size, .text = (unsigned long)text};
  return ioctl(device(), YETT_LOG, &line);
}
static long log_line(void) { return say("all is \x1b[31mwell\n", 17); }
static long log_nothing(void) { return say("", 0); }
static long log_too_long(void) {
  static char text[YETT_LOG_MAX + 1];
  return say(text, sizeof text);
}
static long log_bad_pointer(void) { return say((const char*)8, 5); }

// A program of a later version: its struct has more.
struct later_info {
  struct yett_info known;
  char more[200];
};
static long larger(void) {
  struct later_info given;
  memset(&given, 0x55, sizeof given);
  given.known.size = sizeof given;
  if (ioctl(device(), YETT_INFO, &given) != 0) return -1;
  return expect(given.known.size == sizeof given.known && given.more[0] == 0 &&
                given.more[199] == 0);
}
struct later_log {
  struct yett_log known;
  char more[64];
};
static long larger_log(char last) {
  struct later_log line = {
      .known = {.size = sizeof line, .text_size = 1, .text = (unsigned long)"x"}};
  line.more[63] = last;
  return ioctl(device(), YETT_LOG, &line);
}
static long larger_zero(void) { return larger_log(0); }
static long larger_nonzero(void) { return larger_log(1); }

static long info_of_size(unsigned size) {
  static char memory[1 << 17];
  memcpy(memory, &size, sizeof size);
  return ioctl(device(), YETT_INFO, memory);
}
static long size_zero(void) { return info_of_size(0); }
static long size_small(void) { return info_of_size(YETT_INFO_SIZE_1 - 1); }
static long size_huge(void) { return info_of_size(0xffffffff); }
static long size_page(void) { return info_of_size(YETT_STRUCT_MAX + 1); }

static long null_pointer(void) { return ioctl(device(), YETT_INFO, NULL); }
static long kernel_pointer(void) { return ioctl(device(), YETT_INFO, 0xffff800000000000UL); }
static long read_only_memory(void) {
  unsigned* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *page = sizeof(struct yett_info);
  mprotect(page, 4096, PROT_READ);
  return ioctl(device(), YETT_INFO, page);
}
static long page_end(
    void) {  // the struct begins where there is memory, and ends where there is none
  char* pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 4096, 4096);
  unsigned* at = (unsigned*)(pages + 4096 - 16);
  *at = sizeof(struct yett_info);
  return ioctl(device(), YETT_INFO, at);
}

static long no_command(void) { return ioctl(device(), _IO(YETT_UAPI_MAGIC, 99), NULL); }
static long sized_command(void) {  // the number that a careless header would make
  struct yett_info given = {.size = sizeof given};
  return ioctl(device(), _IOWR(YETT_UAPI_MAGIC, 1, struct yett_info), &given);
}
static long on_file(int file) {
  struct yett_info given = {.size = sizeof given};
  return ioctl(file, YETT_INFO, &given);
}
static long other_null(void) { return on_file(open("/dev/null", O_RDWR)); }
static long no_file(void) { return on_file(77); }
static long negative_file(void) { return on_file(-1); }
static long file_of_that_name(void) {
  mkdir("/tmp/dev", 0700);
  return on_file(open("/tmp/dev/yett", O_RDWR | O_CREAT, 0600));
}
static long passed_on(void) { return on_file(dup(dup(device()))); }

// A thread that rewrites the size while calls are made: each is refused or right. A copy may be
// torn between two sizes and so be too small as well.
static struct yett_info racing = {.size = sizeof(struct yett_info)};
static volatile int stop;
static void* flip(void* unused) {
  while (!stop) {
    *(volatile unsigned*)&racing.size = YETT_STRUCT_MAX + 1;
    *(volatile unsigned*)&racing.size = sizeof racing;
  }
  return unused;
}
static long racing_size(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, flip, NULL);
  const int file = device();
  int wrong = 0;
  const time_t end = time(NULL) + 4;
  for (int i = 0; i < 2000 && time(NULL) < end; ++i)
    if (ioctl(file, YETT_INFO, &racing) != 0 && errno != E2BIG && errno != EINVAL) wrong = errno;
  stop = 1;
  pthread_join(thread, NULL);
  errno = wrong;
  return wrong == 0 ? 0 : -1;
}

static long garbage(void) {
  static unsigned char memory[8192];
  unsigned long state = 88172645463325252UL;
  const int file = device();
  const time_t end = time(NULL) + 4;
  for (int i = 0; i < 5000 && time(NULL) < end; ++i) {
    for (size_t at = 0; at < 64; ++at) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      memory[at] = (unsigned char)state;
    }
    if (i % 2 == 0) memory[1] = memory[2] = memory[3] = 0;
    ioctl(file, _IO(YETT_UAPI_MAGIC, state >> 60), memory + (state >> 40 & 7));
  }
  return 0;
}

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(info),
    ATTEMPT(stat_of_all),
    ATTEMPT(log_line),
    ATTEMPT(log_nothing),
    ATTEMPT(log_too_long),
    ATTEMPT(log_bad_pointer),
    ATTEMPT(larger),
    ATTEMPT(larger_zero),
    ATTEMPT(larger_nonzero),
    ATTEMPT(size_zero),
    ATTEMPT(size_small),
    ATTEMPT(size_huge),
    ATTEMPT(size_page),
    ATTEMPT(null_pointer),
    ATTEMPT(kernel_pointer),
    ATTEMPT(read_only_memory),
    ATTEMPT(page_end),
    ATTEMPT(no_command),
    ATTEMPT(sized_command),
    ATTEMPT(other_null),
    ATTEMPT(no_file),
    ATTEMPT(negative_file),
    ATTEMPT(file_of_that_name),
    ATTEMPT(passed_on),
    ATTEMPT(racing_size),
    ATTEMPT(garbage),
};

ATTEMPTS_MAIN(kAttempts)

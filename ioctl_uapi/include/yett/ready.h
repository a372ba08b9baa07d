/* SPDX-License-Identifier: Apache-2.0
 *
 * For programs that yettd begins as a template's (`warm_fork` in its configuration): what all
 * instances have in common is done before, what differs after. Needs libc.
 *
 *     load_everything();
 *     struct yett_instance self;
 *     if (yett_become_instance(&self) != 0) ...   (errno; nobody forks this program)
 *     srand(self.seed); serve(self.argument_count, self.arguments);
 */
#ifndef YETT_READY_H
#define YETT_READY_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <yett/uapi.h>

struct yett_instance {
  struct yett_ready ready;
  const char* arguments[256]; /* what the instance was given, and NULL; in `strings` */
  int argument_count;
  unsigned seed; /* the first bytes of ready.seed */
  char strings[YETT_FRAME_MAX];
};

/* Returns in each instance, 0, and never in the template. -1 and errno: as YETT_READY, or of
 * open(2); the caller goes on as it was. Preconditions: one thread. */
static inline int yett_become_instance(struct yett_instance* self) {
  const int yett = open(YETT_DEVICE, O_RDWR | O_CLOEXEC);
  const char* at;
  __u32 i;
  if (yett < 0) return -1;
  memset(&self->ready, 0, sizeof self->ready);
  self->ready.size = sizeof self->ready;
  self->ready.strings_room = sizeof self->strings;
  self->ready.strings = (__u64)(unsigned long)self->strings;
  if (ioctl(yett, YETT_READY, &self->ready) != 0) {
    const int error = errno;
    close(yett);
    errno = error;
    return -1;
  }
  /* `yett` is closed by now, as every descriptor but three. */
  at = self->strings;
  for (i = 0; i < self->ready.argument_count && i < 255; ++i, at += strlen(at) + 1)
    self->arguments[i] = at;
  self->arguments[i] = NULL;
  self->argument_count = (int)i;
  memcpy(&self->seed, self->ready.seed, sizeof self->seed);
  return 0;
}

#endif

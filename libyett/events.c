/* What is told of programs: noted when it comes, which may be while an answer is waited for, and
 * told in its order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libyett/connection.h"

void ring(struct yett_host* host) {
  const uint64_t one = 1;
  (void)!write(host->has_ends, &one, sizeof one);
}

void settle(struct yett_host* host) {
  uint64_t rung;
  if (host->event_count != 0 || host->events_lost != 0) return;
  for (size_t i = 0; i < host->count; ++i)
    if (host->programs[i].ended != 0) return;
  (void)!read(host->has_ends, &rung, sizeof rung);
}

int note_end(struct yett_host* host) {
  struct program* ended = note_program(host, (int)host->message.head.argument);
  if (ended == NULL) return -ENOMEM;
  ended->status = host->message.head.result;
  ended->ended = ++host->order;
  ring(host);
  return 0;
}

static int keep(struct yett_host* host, const struct yett_event* event) {
  if (host->events_noted == NULL)
    host->events_noted = calloc(kMostEvents, sizeof *host->events_noted);
  if (host->events_noted == NULL) return -ENOMEM;
  if (host->event_count == kMostEvents) {
    ++host->events_lost;
    return 0;
  }
  const size_t at = (host->first_event + host->event_count++) % kMostEvents;
  host->events_noted[at] = (struct noted_event){.event = *event, .order = ++host->order};
  ring(host);
  return 0;
}

/* Of this connection's programs alone. Why one has ended is told with its end, which follows. */
int note_event(struct yett_host* host) {
  struct yett_event_data data;
  if (host->message.head.size < sizeof data) return -EPROTO;
  memcpy(&data, host->message.memory, sizeof data);
  data.plane[sizeof data.plane - 1] = data.call[sizeof data.call - 1] =
      data.text[sizeof data.text - 1] = '\0';
  if (data.kind == YETT_EVENT_LOST) {
    host->events_lost += data.count;
    ring(host);
    return 0;
  }
  struct program* of = find_program(host, (int)host->message.head.argument);
  if (of == NULL) return 0;
  if (data.kind == YETT_EVENT_ENDED) {
    memcpy(of->reason, data.text, sizeof of->reason);
    return 0;
  }
  struct yett_event event = {
      .program = of->number, .status = data.value, .kind = (int)data.kind, .count = data.count};
  memcpy(event.plane, data.plane, sizeof event.plane);
  memcpy(event.call, data.call, sizeof event.call);
  memcpy(event.text, data.text, sizeof event.text);
  return keep(host, &event);
}

static struct program* first_ended(struct yett_host* host) {
  struct program* first = NULL;
  for (size_t i = 0; i < host->count; ++i) {
    struct program* each = &host->programs[i];
    if (each->ended != 0 && (first == NULL || each->ended < first->ended)) first = each;
  }
  return first;
}

static void tell_end(struct yett_host* host, struct program* ended, struct yett_event* event) {
  *event = (struct yett_event){
      .program = ended->number, .status = ended->status, .kind = YETT_EVENT_ENDED};
  memcpy(event->text, ended->reason, sizeof event->text);
  forget_program(host, ended);
}

/* 1: *event is filled. */
static int tell_first(struct yett_host* host, struct yett_event* event) {
  struct program* ended = first_ended(host);
  const struct noted_event* noted =
      host->event_count != 0 ? &host->events_noted[host->first_event] : NULL;
  if (noted != NULL && (ended == NULL || noted->order < ended->ended)) {
    *event = noted->event;
    host->first_event = (host->first_event + 1) % kMostEvents;
    --host->event_count;
    settle(host);
    return 1;
  }
  if (ended != NULL) {
    tell_end(host, ended, event);
    return 1;
  }
  if (host->events_lost == 0) return 0;
  *event = (struct yett_event){.kind = YETT_EVENT_LOST, .count = host->events_lost};
  host->events_lost = 0;
  settle(host);
  return 1;
}

int yett_next_event(struct yett_host* host, int timeout_ms, struct yett_event* event) {
  const int64_t deadline = deadline_after(timeout_ms);
  while (tell_first(host, event) == 0) {
    const int got = receive_frame(host, deadline);
    if (got < 0) return got == -ETIMEDOUT ? 0 : got;
  }
  return 1;
}

int yett_wait(struct yett_host* host, int program, int timeout_ms, int* status) {
  const int64_t deadline = deadline_after(timeout_ms);
  for (;;) {
    struct program* waited = find_program(host, program);
    if (waited == NULL) return -ENOENT;
    if (waited->ended != 0) {
      if (status != NULL) *status = waited->status;
      forget_program(host, waited);
      return 0;
    }
    const int got = receive_frame(host, deadline);
    if (got < 0) return got;
  }
}

/* A connection to who makes sandboxes: frames of yett/uapi.h, one call at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <yett/yett.h>

struct message {
  struct yett_frame head;
  unsigned char memory[YETT_FRAME_MAX];
};

/* One that was begun and whose end was not told to the application yet. */
struct program {
  int number;
  int status;
  uint64_t ended; /* which event its end was, from 1; 0: it runs */
  char reason[168];
};

/* Another event than an end, to be told. */
struct noted_event {
  struct yett_event event;
  uint64_t order;
};
enum { kMostEvents = 1024 };

struct yett_host {
  int socket;
  int has_ends; /* an eventfd: readable while there are events to tell */
  int events;   /* an epoll of both */
  int broken;   /* -errno of what ended the connection; 0: it has not */
  int patience_ms;
  uint32_t sequence;
  uint64_t order;                   /* so many events have come */
  struct noted_event* events_noted; /* a ring of kMostEvents, from the first that is watched */
  size_t first_event, event_count;
  unsigned long long events_lost;
  struct program* programs;
  size_t count, room;
  struct message message;
};

/* CLOCK_MONOTONIC in milliseconds, `timeout_ms` from now; -1: never. */
int64_t deadline_after(int timeout_ms);
/* What is left until then, for poll(2). */
int milliseconds_to(int64_t deadline);
/* Until `descriptor` is ready for `what` (POLLIN, POLLOUT): 0; or -errno, -ETIMEDOUT. Signals do
 * not lengthen it. */
int await_ready(int descriptor, short what, int64_t deadline);

/* Takes in one frame: 1 it is an answer, in host->message; 0 an event was noted; or -errno:
 * -ETIMEDOUT, and what has ended the connection. */
int receive_frame(struct yett_host* host, int64_t deadline);

/* The command on the first `size` bytes of message.memory, which hold its answer's afterwards. What
 * ioctl(2) would return, or -errno. */
int call(struct yett_host* host, unsigned command, uint64_t argument, size_t size);
/* The same with descriptors, kMostPassed at most. */
enum { kMostPassed = 4 };
int call_with(struct yett_host* host, unsigned command, uint64_t argument, size_t size,
              const int* descriptors, size_t count);

/* Puts a string into the call's memory at `at`: the place after it, or 0: there is no room. */
size_t put(struct yett_host* host, size_t at, const char* text);
/* The same for a list that NULL ends; counts it. */
size_t put_all(struct yett_host* host, size_t at, char* const* texts, __u32* count);

/* NULL: no such program, or its end was told. */
struct program* find_program(struct yett_host* host, int number);
/* That program, noted now where it was not. NULL: no memory. */
struct program* note_program(struct yett_host* host, int number);
void forget_program(struct yett_host* host, struct program* told);

/* events.c: the frame in host->message is an event; 0, or -errno that ends the connection. */
int note_end(struct yett_host* host);
int note_event(struct yett_host* host);
void ring(struct yett_host* host);
void settle(struct yett_host* host); /* the bell is silent when nothing is left to tell */

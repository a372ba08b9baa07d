#include "libyett/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { kPatienceMs = 10000 };

/* ---- opening and closing ------------------------------------------------------------------------
 */

static int open_socket(const char* path, int* connected) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
  strcpy(address.sun_path, path);
  *connected = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (*connected < 0) return -errno;
  if (connect(*connected, (const struct sockaddr*)&address, sizeof address) == 0) return 0;
  return -errno;
}

static int watch(int events, int descriptor) {
  struct epoll_event wanted = {.events = EPOLLIN};
  return epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &wanted) == 0 ? 0 : -errno;
}

static int open_events(struct yett_host* host) {
  host->has_ends = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (host->has_ends < 0) return -errno;
  host->events = epoll_create1(EPOLL_CLOEXEC);
  if (host->events < 0) return -errno;
  const int watched = watch(host->events, host->socket);
  return watched != 0 ? watched : watch(host->events, host->has_ends);
}

int yett_connect(const char* path, struct yett_host** host) {
  struct yett_host* made = calloc(1, sizeof *made);
  if (made == NULL) return -ENOMEM;
  made->socket = made->has_ends = made->events = -1;
  made->patience_ms = kPatienceMs;
  int result = open_socket(path, &made->socket);
  if (result == 0) result = open_events(made);
  if (result != 0) {
    yett_disconnect(made);
    return result;
  }
  *host = made;
  return 0;
}

static void close_open(int descriptor) {
  if (descriptor >= 0) close(descriptor);
}

/* The connection ends with the last descriptor of its socket, and so for the parent of a fork not
 * with the child's. */
void yett_close_in_child(struct yett_host* host) {
  if (host == NULL) return;
  close_open(host->events);
  close_open(host->has_ends);
  close_open(host->socket);
  free(host->programs);
  free(host->events_noted);
  free(host);
}

void yett_disconnect(struct yett_host* host) {
  if (host == NULL) return;
  if (host->socket >= 0) shutdown(host->socket, SHUT_RDWR); /* a fork's copy does not keep it */
  yett_close_in_child(host);
}

void yett_set_patience(struct yett_host* host, int milliseconds) {
  host->patience_ms = milliseconds;
}

int yett_event_fd(const struct yett_host* host) { return host->events; }

/* ---- programs -----------------------------------------------------------------------------------
 */

struct program* find_program(struct yett_host* host, int number) {
  for (size_t i = 0; i < host->count; ++i)
    if (host->programs[i].number == number) return &host->programs[i];
  return NULL;
}

struct program* note_program(struct yett_host* host, int number) {
  struct program* known = find_program(host, number);
  if (known != NULL) return known;
  if (host->count == host->room) {
    const size_t room = host->room == 0 ? 16 : 2 * host->room;
    struct program* more = realloc(host->programs, room * sizeof *more);
    if (more == NULL) return NULL;
    host->programs = more;
    host->room = room;
  }
  host->programs[host->count] = (struct program){.number = number};
  return &host->programs[host->count++];
}

void forget_program(struct yett_host* host, struct program* told) {
  *told = host->programs[--host->count];
  settle(host);
}

/* ---- frames -------------------------------------------------------------------------------------
 */

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t deadline_after(int timeout_ms) { return timeout_ms < 0 ? -1 : now_ms() + timeout_ms; }

int milliseconds_to(int64_t deadline) {
  if (deadline < 0) return -1;
  const int64_t left = deadline - now_ms();
  return left < 0 ? 0 : (int)left;
}

int await_ready(int descriptor, short what, int64_t deadline) {
  for (;;) {
    struct pollfd wanted = {.fd = descriptor, .events = what};
    const int ready = poll(&wanted, 1, milliseconds_to(deadline));
    if (ready > 0) return 0;
    if (ready == 0) return -ETIMEDOUT;
    if (errno != EINTR) return -errno;
  }
}

static int end_connection(struct yett_host* host, int reason) {
  host->broken = reason;
  return reason;
}

int receive_frame(struct yett_host* host, int64_t deadline) {
  if (host->broken != 0) return host->broken;
  const int ready = await_ready(host->socket, POLLIN, deadline);
  if (ready != 0) return ready;
  const ssize_t got = recv(host->socket, &host->message, sizeof host->message, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return receive_frame(host, deadline);
  if (got <= 0) return end_connection(host, -EPIPE);
  const struct yett_frame* head = &host->message.head;
  if ((size_t)got < sizeof *head || head->magic != YETT_FRAME_MAGIC ||
      head->version != YETT_FRAME_VERSION || (size_t)got != sizeof *head + head->size)
    return end_connection(host, -EPROTO);
  const int noted = head->command == YETT_ENDED   ? note_end(host)
                    : head->command == YETT_EVENT ? note_event(host)
                                                  : 1;
  return noted < 0 ? end_connection(host, noted) : noted;
}

static int send_frame(struct yett_host* host, const int* descriptors, size_t count,
                      int64_t deadline) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(kMostPassed * sizeof(int))];
  } control = {.head = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS}};
  struct iovec bytes = {&host->message, sizeof host->message.head + host->message.head.size};
  struct msghdr whole = {.msg_iov = &bytes, .msg_iovlen = 1};
  if (count != 0) {
    memcpy(CMSG_DATA(&control.head), descriptors, count * sizeof(int));
    whole.msg_control = control.room;
    whole.msg_controllen = CMSG_SPACE(count * sizeof(int));
  }
  for (;;) {
    if (sendmsg(host->socket, &whole, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno == EPIPE || errno == ECONNRESET) return end_connection(host, -EPIPE);
    if (errno != EAGAIN && errno != EINTR) return -errno;
    const int ready = await_ready(host->socket, POLLOUT, deadline);
    if (ready != 0) return ready;
  }
}

/* An answer with another sequence is one that nobody waits for any more. */
int call_with(struct yett_host* host, unsigned command, uint64_t argument, size_t size,
              const int* descriptors, size_t count) {
  const int64_t deadline = deadline_after(host->patience_ms);
  const uint32_t sequence = ++host->sequence;
  host->message.head = (struct yett_frame){.magic = YETT_FRAME_MAGIC,
                                           .version = YETT_FRAME_VERSION,
                                           .command = command,
                                           .sequence = sequence,
                                           .argument = argument,
                                           .size = (uint32_t)size};
  if (host->broken != 0) return host->broken;
  const int sent = send_frame(host, descriptors, count, deadline);
  if (sent != 0) return sent;
  for (;;) {
    const int got = receive_frame(host, deadline);
    if (got < 0) return got;
    if (got == 1 && host->message.head.sequence == sequence) return host->message.head.result;
  }
}

int call(struct yett_host* host, unsigned command, uint64_t argument, size_t size) {
  return call_with(host, command, argument, size, NULL, 0);
}

size_t put(struct yett_host* host, size_t at, const char* text) {
  const size_t size = strlen(text) + 1;
  if (size > sizeof host->message.memory - at) return 0;
  memcpy(host->message.memory + at, text, size);
  return at + size;
}

size_t put_all(struct yett_host* host, size_t at, char* const* texts, __u32* count) {
  *count = 0;
  for (; at != 0 && texts != NULL && *texts != NULL; ++texts, ++*count) at = put(host, at, *texts);
  return at;
}

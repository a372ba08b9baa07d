// What the kernel reads of an address is rewritten meanwhile: `lent_flip TRIES`. One thread turns
// the port of a sockaddr between OPEN and OTHER, and a msghdr's pointer between two sockaddrs and
// its length between one that fits and one that is too short; the other connects and sends. What
// arrived at OTHER by UDP is the server's to tell.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in flipped, open_place, other_place;
static struct iovec vector = {"x", 1};
static struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
static atomic_int flipping = 1;
static unsigned long flips;

static struct sockaddr_in at(const char* port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(getenv(port)))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return to;
}

static void* flip(void* unused) {
  volatile in_port_t* port = &flipped.sin_port;
  void* volatile* name = &message.msg_name;
  volatile socklen_t* size = &message.msg_namelen;
  for (; atomic_load_explicit(&flipping, memory_order_relaxed); flips += 2) {
    *port = other_place.sin_port;
    *name = &other_place;
    for (int i = 0; i < 8; ++i) __builtin_ia32_pause();
    *port = open_place.sin_port;
    *name = &open_place;
    for (int i = 0; i < 8; ++i) __builtin_ia32_pause();
    if (flips % 64 == 0) {
      *size = 4;
      *size = sizeof open_place;
    }
  }
  return unused;
}

struct counts {
  unsigned long let_through, refused, forbidden;
};

static void connect_flipped(struct counts* counts) {
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(made, (struct sockaddr*)&flipped, sizeof flipped) == 0) {
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    getpeername(made, (struct sockaddr*)&peer, &size);
    ++*(peer.sin_port == open_place.sin_port ? &counts->let_through : &counts->forbidden);
    const struct linger at_once = {1, 0};
    setsockopt(made, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  } else if (errno == EPERM || errno == EACCES) {
    ++counts->refused;
  }
  close(made);
}

static void send_flipped(int made, const struct msghdr* sent, struct counts* counts) {
  if (sendmsg(made, sent, MSG_DONTWAIT) == 1)
    ++counts->let_through;
  else if (errno == EPERM || errno == EACCES)  // cgroup programs, BPF LSM
    ++counts->refused;
}

int main(int argc, char** argv) {
  const unsigned long tries = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
  open_place = flipped = at("OPEN");
  other_place = at("OTHER");
  message.msg_name = &open_place;
  message.msg_namelen = sizeof open_place;
  const struct msghdr of_port = {
      .msg_name = &flipped, .msg_namelen = sizeof flipped, .msg_iov = &vector, .msg_iovlen = 1};
  pthread_t thread;
  pthread_create(&thread, NULL, flip, NULL);
  struct counts connected = {0, 0, 0}, sent = {0, 0, 0}, by_header = {0, 0, 0};
  const int made = socket(AF_INET, SOCK_DGRAM, 0);
  for (unsigned long i = 0; i < tries; ++i) {
    if (i % 8 == 0) connect_flipped(&connected);
    send_flipped(made, &of_port, &sent);
    send_flipped(made, &message, &by_header);
  }
  atomic_store(&flipping, 0);
  pthread_join(thread, NULL);
  printf("connected %lu\nconnect_refused %lu\nconnect_forbidden %lu\n", connected.let_through,
         connected.refused, connected.forbidden);
  printf("sent %lu\nsend_refused %lu\n", sent.let_through, sent.refused);
  printf("header_sent %lu\nheader_refused %lu\n", by_header.let_through, by_header.refused);
  printf("flips %lu\n", flips);
  return 0;
}

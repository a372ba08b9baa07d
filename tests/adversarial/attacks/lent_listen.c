// Where a lent socket begins to listen besides what was asked for: at port LISTEN.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "attempt.h"

static in_port_t port(void) { return htons((uint16_t)atoi(getenv("LISTEN"))); }

static long listen_ipv6(int alone) {
  const int made = socket(AF_INET6, SOCK_STREAM, 0);
  setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone);
  const struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = port()};
  if (bind(made, (const struct sockaddr*)&to, sizeof to) != 0) return -1;
  return listen(made, 8);
}
static long listen_ipv6_alone(void) { return listen_ipv6(1); }
static long listen_both(void) { return listen_ipv6(0); }

static long listen_low(void) {
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  const struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = port(), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(made, (const struct sockaddr*)&to, sizeof to) != 0) return -1;
  return listen(made, 8);
}

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(listen_ipv6_alone),
    ATTEMPT(listen_both),
    ATTEMPT(listen_low),
};

ATTEMPTS_MAIN(kAttempts)

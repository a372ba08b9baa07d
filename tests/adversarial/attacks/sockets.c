// Socket types, protocols and options.
#define _GNU_SOURCE
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "attempt.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

static long option(int family, int level, int number, const void* value, socklen_t size) {
  const int made = socket(family, SOCK_STREAM, 0);
  return made < 0 ? -1 : setsockopt(made, level, number, value, size);
}

static long raw_icmp(void) { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static long ping(void) { return socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); }
static long mptcp(void) { return socket(AF_INET, SOCK_STREAM, 262); }
static long raw_unix(void) { return socket(AF_UNIX, SOCK_RAW, 0); }
static long netlink_route(void) { return socket(AF_NETLINK, SOCK_RAW, 0); }
static long packet(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static long high_bits(void) { return syscall(41, (1UL << 32) | AF_NETLINK, SOCK_RAW, 0); }
static long inet_pair(void) {
  int ends[2];
  return socketpair(AF_INET, SOCK_STREAM, 0, ends);
}
static long tcp_ulp(void) { return option(AF_INET, IPPROTO_TCP, TCP_ULP, "tls", 4); }
static long attach_filter(void) {
  struct sock_filter instruction = {.code = BPF_RET | BPF_K, .k = 0};
  struct sock_fprog program = {.len = 1, .filter = &instruction};
  return option(AF_INET, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}
static long mark(void) {
  int value = 7;
  return option(AF_INET, SOL_SOCKET, SO_MARK, &value, sizeof value);
}
static long bind_device(void) { return option(AF_INET, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3); }
static long netfilter_table(void) {
  char name[84] = "filter";
  socklen_t size = sizeof name;
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  return made < 0 ? -1 : getsockopt(made, IPPROTO_IP, 64, name, &size);
}
static long interface_ioctl(void) {
  struct ifreq request = {.ifr_name = "lo"};
  const int made = socket(AF_INET, SOCK_DGRAM, 0);
  return made < 0 ? -1 : ioctl(made, SIOCGIFINDEX, &request);
}
static long nodelay(void) {  // allowed
  int value = 1;
  return option(AF_INET, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}
static long unix_pair(void) {  // allowed
  int ends[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(raw_icmp),
    ATTEMPT(ping),
    ATTEMPT(mptcp),
    ATTEMPT(raw_unix),
    ATTEMPT(netlink_route),
    ATTEMPT(packet),
    ATTEMPT(high_bits),
    ATTEMPT(inet_pair),
    ATTEMPT(tcp_ulp),
    ATTEMPT(attach_filter),
    ATTEMPT(mark),
    ATTEMPT(bind_device),
    ATTEMPT(netfilter_table),
    ATTEMPT(interface_ioctl),
    ATTEMPT(nodelay),
    ATTEMPT(unix_pair),
};

ATTEMPTS_MAIN(kAttempts)

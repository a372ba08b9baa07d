// Sockets of a sandbox whose network is lent to it, beside the same natively: how they behave, and
// where they lead. The test serves: OPEN (TCP and UDP at 127.0.0.1 and ::1) echoes and is allowed,
// CLOSED is allowed and nobody listens there, OTHER echoes and is not allowed, FREE is neither,
// LISTEN may be listened at, and NONE is 0.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include "attempt.h"

static struct sockaddr_in at(const char* address, const char* port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(getenv(port)))};
  inet_pton(AF_INET, address, &to.sin_addr);
  return to;
}
static struct sockaddr_in6 at6(const char* address, const char* port) {
  struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                            .sin6_port = htons((uint16_t)atoi(getenv(port)))};
  inet_pton(AF_INET6, address, &to.sin6_addr);
  return to;
}
static int connect4(int made, const char* address, const char* port) {
  const struct sockaddr_in to = at(address, port);
  return connect(made, (const struct sockaddr*)&to, sizeof to);
}
static int connect6(int made, const char* address, const char* port) {
  const struct sockaddr_in6 to = at6(address, port);
  return connect(made, (const struct sockaddr*)&to, sizeof to);
}
static int stream(int flags) { return socket(AF_INET, SOCK_STREAM | flags, 0); }
static int datagram(void) { return socket(AF_INET, SOCK_DGRAM, 0); }

static long fail_with(int error) {
  errno = error;
  return -1;
}
static long expect(int holds) { return holds ? 0 : fail_with(EPROTO); }

static long echo(int made) {
  char byte = 'x';
  if (send(made, &byte, 1, MSG_NOSIGNAL) != 1) return -1;
  struct pollfd watched = {.fd = made, .events = POLLIN};
  if (poll(&watched, 1, 5000) != 1) return fail_with(ETIMEDOUT);
  return recv(made, &byte, 1, 0) == 1 ? 0 : -1;
}
static long socket_error(int made) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(made, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -1;
  return error == 0 ? 0 : fail_with(error);
}
// Until it is connected, or what became of it instead.
static long settle(int made, int result) {
  if (result != 0 && errno != EINPROGRESS) return -1;
  struct pollfd watched = {.fd = made, .events = POLLOUT};
  if (poll(&watched, 1, 5000) != 1) return fail_with(ETIMEDOUT);
  return socket_error(made);
}

// ---- as natively ----

static long blocking(void) {
  const int made = stream(0);
  return connect4(made, "127.0.0.1", "OPEN") != 0 ? -1 : echo(made);
}
static long blocking_refused(void) { return connect4(stream(0), "127.0.0.1", "CLOSED"); }
static long nonblocking(void) {
  const int made = stream(SOCK_NONBLOCK);
  return settle(made, connect4(made, "127.0.0.1", "OPEN")) != 0 ? -1 : echo(made);
}
static long nonblocking_refused(void) {
  const int made = stream(SOCK_NONBLOCK);
  return settle(made, connect4(made, "127.0.0.1", "CLOSED"));
}
static long nonblocking_by_fcntl(void) {
  const int made = stream(0);
  if (fcntl(made, F_SETFL, O_NONBLOCK) != 0) return -1;
  return settle(made, connect4(made, "127.0.0.1", "OPEN")) != 0 ? -1 : echo(made);
}
static long flags_of_a_socket(void) {
  return expect((fcntl(stream(SOCK_NONBLOCK), F_GETFL) & O_NONBLOCK) != 0 &&
                (fcntl(stream(0), F_GETFL) & (O_NONBLOCK | O_ACCMODE)) == O_RDWR);
}
static long close_on_exec(void) {
  return expect(fcntl(stream(SOCK_CLOEXEC), F_GETFD) == FD_CLOEXEC &&
                fcntl(stream(0), F_GETFD) == 0);
}
static long lowest_number(void) {
  const int lowest = dup(1);
  close(lowest);
  return expect(stream(0) == lowest);
}
static long watched_before_connect(void) {
  const int made = stream(SOCK_NONBLOCK);
  const int watch = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLET};
  if (epoll_ctl(watch, EPOLL_CTL_ADD, made, &event) != 0) return -1;
  epoll_wait(watch, &event, 1, 0); /* what an unconnected socket is told as */
  if (connect4(made, "127.0.0.1", "OPEN") != 0 && errno != EINPROGRESS) return -1;
  if (epoll_wait(watch, &event, 1, 5000) != 1) return fail_with(ETIMEDOUT);
  return socket_error(made) != 0 ? -1 : echo(made);
}
static long duplicated_before_connect(void) {
  const int made = stream(0);
  const int copy = dup(made);
  return connect4(made, "127.0.0.1", "OPEN") != 0 ? -1 : echo(copy);
}
static long shared_by_fork(void) {
  const int made = stream(0);
  const pid_t child = fork();
  if (child == 0) _exit(connect4(made, "127.0.0.1", "OPEN") == 0 ? 0 : errno);
  int status = 0;
  waitpid(child, &status, 0);
  return status != 0 ? fail_with(WEXITSTATUS(status)) : echo(made);
}
static long names_of_both_ends(void) {
  const int made = stream(0);
  if (connect4(made, "127.0.0.1", "OPEN") != 0) return -1;
  struct sockaddr_in peer, own;
  socklen_t size = sizeof peer;
  if (getpeername(made, (struct sockaddr*)&peer, &size) != 0) return -1;
  if (getsockname(made, (struct sockaddr*)&own, &size) != 0) return -1;
  return expect(peer.sin_port == at("127.0.0.1", "OPEN").sin_port && own.sin_port != 0 &&
                own.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}
static long connect_twice(void) {
  const int made = stream(0);
  if (connect4(made, "127.0.0.1", "OPEN") != 0) return -1;
  return connect4(made, "127.0.0.1", "OPEN");
}
static long connect_anew(void) {
  const int made = stream(0);
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  if (connect4(made, "127.0.0.1", "OPEN") != 0 || connect(made, &none, sizeof none) != 0) return -1;
  return connect4(made, "127.0.0.1", "OPEN") != 0 ? -1 : echo(made);
}
static long receive_timeout(void) {
  const int made = stream(0);
  const struct timeval soon = {.tv_usec = 20000};
  if (setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) != 0) return -1;
  char byte;
  return connect4(made, "127.0.0.1", "OPEN") != 0 ? -1 : recv(made, &byte, 1, 0);
}
static long options_before_connect(void) {
  const int made = stream(0), on = 1;
  int read = 0;
  socklen_t size = sizeof read;
  if (setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      connect4(made, "127.0.0.1", "OPEN") != 0 ||
      getsockopt(made, IPPROTO_TCP, TCP_NODELAY, &read, &size) != 0)
    return -1;
  return expect(read == 1);
}
static long no_number_left(void) {
  const struct rlimit few = {3, 3};
  for (int fd = 3; fd < 64; ++fd) close(fd);
  return setrlimit(RLIMIT_NOFILE, &few) != 0 ? -1 : stream(0);
}
static void on_alarm(int number) { (void)number; }
// A call that a signal has ended is made again. Natively socket is never ended so; a supervised one
// can be, before the supervisor has seen it, unless the handler restarts calls.
static long storm(int flags) {
  const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
  const struct itimerval often = {{0, 1000}, {0, 1000}};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  for (int i = 0; i < 500; ++i) {
    int made = -1;
    do {
      made = stream(SOCK_NONBLOCK);
    } while (made < 0 && errno == EINTR && flags == 0);
    if (made < 0) return -1;
    const int result = connect4(made, "127.0.0.1", "OPEN");
    if (result != 0 && errno != EINPROGRESS && errno != EINTR) return -1;
    close(made);
  }
  return 0;
}
static long storm_of_signals(void) { return storm(0); }
static long storm_with_restarts(void) { return storm(SA_RESTART); }
static long ipv6(void) {
  const int made = socket(AF_INET6, SOCK_STREAM, 0);
  return connect6(made, "::1", "OPEN") != 0 ? -1 : echo(made);
}
static long mapped(void) {
  const int made = socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
  return connect6(made, "::ffff:127.0.0.1", "OPEN") != 0 ? -1 : echo(made);
}
static long udp_connected(void) {
  const int made = datagram();
  return connect4(made, "127.0.0.1", "OPEN") != 0 ? -1 : echo(made);
}
static long udp_sendto(void) {
  const int made = datagram();
  const struct sockaddr_in to = at("127.0.0.1", "OPEN");
  if (sendto(made, "x", 1, 0, (const struct sockaddr*)&to, sizeof to) != 1) return -1;
  struct pollfd watched = {.fd = made, .events = POLLIN};
  return poll(&watched, 1, 5000) == 1 ? 0 : fail_with(ETIMEDOUT);
}

// ---- nowhere else ----

// OPEN answers twice: first, with another byte, from an endpoint that no rule names.
static long stray_answer(void) {
  const int made = datagram();
  const struct sockaddr_in to = at("127.0.0.1", "OPEN");
  if (sendto(made, "x", 1, 0, (const struct sockaddr*)&to, sizeof to) != 1) return -1;
  struct pollfd watched = {.fd = made, .events = POLLIN};
  char byte = 0;
  if (poll(&watched, 1, 5000) != 1) return fail_with(ETIMEDOUT);
  if (recv(made, &byte, 1, 0) != 1) return -1;
  return byte == 's' ? 0 : fail_with(EPERM);
}

static long other_port(void) { return connect4(stream(0), "127.0.0.1", "OTHER"); }
static long other_port_nonblocking(void) {
  const int made = stream(SOCK_NONBLOCK);
  return settle(made, connect4(made, "127.0.0.1", "OTHER"));
}
static long other_address(void) { return connect4(stream(0), "127.0.0.2", "OPEN"); }
static long any_address(void) { return connect4(stream(0), "0.0.0.0", "OTHER"); }
static long other_ipv6(void) { return connect6(socket(AF_INET6, SOCK_STREAM, 0), "::1", "OTHER"); }
static long other_mapped(void) {
  return connect6(socket(AF_INET6, SOCK_STREAM, 0), "::ffff:127.0.0.1", "OTHER");
}
static long other_after_allowed(void) {
  const int made = stream(0);
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  if (connect4(made, "127.0.0.1", "OPEN") != 0 || connect(made, &none, sizeof none) != 0)
    return fail_with(EPROTO);
  return connect4(made, "127.0.0.1", "OTHER");
}
static long other_udp(void) { return connect4(datagram(), "127.0.0.1", "OTHER"); }
static long other_sendto(void) {
  const struct sockaddr_in to = at("127.0.0.1", "OTHER");
  return sendto(datagram(), "x", 1, 0, (const struct sockaddr*)&to, sizeof to);
}
static long send_message(int made, int flags, unsigned count) {
  struct sockaddr_in to = at("127.0.0.1", "OTHER");
  struct iovec vector = {"x", 1};
  struct mmsghdr message = {
      .msg_hdr = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &vector, .msg_iovlen = 1}};
  return count == 0 ? sendmsg(made, &message.msg_hdr, flags)
                    : sendmmsg(made, &message, count, flags);
}
static long other_sendmsg(void) { return send_message(datagram(), 0, 0); }
static long other_sendmmsg(void) { return send_message(datagram(), 0, 1); }
static long other_from_connected(void) {
  const int made = datagram();
  if (connect4(made, "127.0.0.1", "OPEN") != 0) return fail_with(EPROTO);
  return send_message(made, 0, 0);
}
static long other_sendto_mapped(void) {
  const struct sockaddr_in6 to = at6("::ffff:127.0.0.1", "OTHER");
  return sendto(socket(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, (const struct sockaddr*)&to, sizeof to);
}
static long other_fast_open(void) { return send_message(stream(0), MSG_FASTOPEN, 0); }
static long other_fast_open_many(void) { return send_message(stream(0), MSG_FASTOPEN, 1); }
static long other_fast_open_connect(void) {
  const int made = stream(0), on = 1;
  if (setsockopt(made, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) != 0)
    return fail_with(EPROTO);
  if (connect4(made, "127.0.0.1", "OTHER") != 0) return -1;
  return send(made, "x", 1, MSG_NOSIGNAL);
}
struct ip_options {
  struct cmsghdr header;
  unsigned char options[16];
};
static long send_with_options(struct ip_options control) {
  struct sockaddr_in to = at("127.0.0.1", "OPEN");
  struct iovec vector = {"x", 1};
  const struct msghdr message = {.msg_name = &to,
                                 .msg_namelen = sizeof to,
                                 .msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control};
  return sendmsg(datagram(), &message, 0);
}
static long source_route(void) {
  const struct ip_options by_127_0_0_2 = {{CMSG_LEN(11), IPPROTO_IP, IP_RETOPTS},
                                          {131, 7, 4, 127, 0, 0, 2, 1, 1, 1, 1}};
  return send_with_options(by_127_0_0_2);
}
// No operations: some kernels keep source routes to root, and these to nobody.
static long packet_options(void) {
  const struct ip_options nothing = {{CMSG_LEN(4), IPPROTO_IP, IP_RETOPTS}, {1, 1, 1, 1}};
  return send_with_options(nothing);
}
static long bind_at(int made, const char* address, const char* port) {
  const struct sockaddr_in where = at(address, port);
  return bind(made, (const struct sockaddr*)&where, sizeof where);
}
static long bind_any(void) { return bind_at(stream(0), "0.0.0.0", "FREE"); }
static long bind_some_port(void) { return bind_at(stream(0), "127.0.0.1", "NONE"); }
static long bind_udp(void) { return bind_at(datagram(), "0.0.0.0", "FREE"); }
static long listen_unbound(void) { return listen(stream(0), 1); }
static long listen_after_connect(void) {
  const int made = stream(0);
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  connect4(made, "127.0.0.1", "OPEN");
  connect(made, &none, sizeof none);
  return listen(made, 1);
}
static long raw(void) { return socket(AF_INET, SOCK_RAW, IPPROTO_TCP); }
static long ping(void) { return socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); }
static long multipath(void) { return socket(AF_INET, SOCK_STREAM, 262); }
static long netlink(void) { return socket(AF_NETLINK, SOCK_RAW, 0); }
static long packet(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static long vsock(void) { return socket(AF_VSOCK, SOCK_STREAM, 0); }
// High bits that the kernel ignores must not slip a kind past the check.
static long raw_with_high_bits(void) {
  return syscall(SYS_socket, AF_INET | 1L << 32, SOCK_RAW | 1L << 32, IPPROTO_TCP);
}

// ---- what remains its own ----

// A UNIX listener under a name of this process, and a client of it; the name is gone afterwards.
static int own_listener(int* client) {
  struct sockaddr_un where = {.sun_family = AF_UNIX};
  snprintf(where.sun_path, sizeof where.sun_path, "/tmp/lent-%d.socket", getpid());
  const int server = socket(AF_UNIX, SOCK_STREAM, 0);
  *client = socket(AF_UNIX, SOCK_STREAM, 0);
  const int failed = bind(server, (struct sockaddr*)&where, sizeof where) || listen(server, 1) ||
                     connect(*client, (struct sockaddr*)&where, sizeof where);
  unlink(where.sun_path);
  return failed ? -1 : server;
}
static long unix_sockets(void) {
  int client;
  const int server = own_listener(&client);
  return server < 0 || accept(server, NULL, NULL) < 0 || write(client, "x", 1) != 1 ? -1 : 0;
}
static long shown_to_clients(void) {
  int client;
  struct ucred shown;
  socklen_t size = sizeof shown;
  if (own_listener(&client) < 0 || getsockopt(client, SOL_SOCKET, SO_PEERCRED, &shown, &size) != 0)
    return -1;
  return expect(shown.uid == getuid() && shown.gid == getgid());
}
static long listen_not_bound(void) { return listen(socket(AF_UNIX, SOCK_STREAM, 0), 1); }

// ---- listening ----

static long serve_unix(void) {
  struct sockaddr_un where = {.sun_family = AF_UNIX, .sun_path = "/data/socket"};
  const int server = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr*)&where, sizeof where) != 0 || listen(server, 8) != 0)
    return -1;
  puts("server listening");
  fflush(stdout);
  const int accepted = accept(server, NULL, NULL);
  return accepted >= 0 && write(accepted, "served", 6) == 6 ? 0 : -1;
}

static long serve_one(void) {
  const int server = stream(0), on = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind_at(server, "127.0.0.1", "LISTEN") != 0 || listen(server, 8) != 0) return -1;
  puts("server listening");
  fflush(stdout);
  const int accepted = accept(server, NULL, NULL);
  return accepted >= 0 && write(accepted, "served", 6) == 6 ? 0 : -1;
}

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(blocking),
    ATTEMPT(blocking_refused),
    ATTEMPT(nonblocking),
    ATTEMPT(nonblocking_refused),
    ATTEMPT(nonblocking_by_fcntl),
    ATTEMPT(flags_of_a_socket),
    ATTEMPT(close_on_exec),
    ATTEMPT(lowest_number),
    ATTEMPT(watched_before_connect),
    ATTEMPT(duplicated_before_connect),
    ATTEMPT(shared_by_fork),
    ATTEMPT(names_of_both_ends),
    ATTEMPT(connect_twice),
    ATTEMPT(connect_anew),
    ATTEMPT(receive_timeout),
    ATTEMPT(options_before_connect),
    ATTEMPT(no_number_left),
    ATTEMPT(storm_of_signals),
    ATTEMPT(storm_with_restarts),
    ATTEMPT(ipv6),
    ATTEMPT(mapped),
    ATTEMPT(udp_connected),
    ATTEMPT(udp_sendto),
    ATTEMPT(stray_answer),
    ATTEMPT(other_port),
    ATTEMPT(other_port_nonblocking),
    ATTEMPT(other_address),
    ATTEMPT(any_address),
    ATTEMPT(other_ipv6),
    ATTEMPT(other_mapped),
    ATTEMPT(other_after_allowed),
    ATTEMPT(other_udp),
    ATTEMPT(other_sendto),
    ATTEMPT(other_sendmsg),
    ATTEMPT(other_sendmmsg),
    ATTEMPT(other_from_connected),
    ATTEMPT(other_sendto_mapped),
    ATTEMPT(other_fast_open),
    ATTEMPT(other_fast_open_many),
    ATTEMPT(other_fast_open_connect),
    ATTEMPT(source_route),
    ATTEMPT(packet_options),
    ATTEMPT(bind_any),
    ATTEMPT(bind_some_port),
    ATTEMPT(bind_udp),
    ATTEMPT(listen_unbound),
    ATTEMPT(listen_after_connect),
    ATTEMPT(raw),
    ATTEMPT(ping),
    ATTEMPT(multipath),
    ATTEMPT(netlink),
    ATTEMPT(packet),
    ATTEMPT(vsock),
    ATTEMPT(raw_with_high_bits),
    ATTEMPT(unix_sockets),
    ATTEMPT(shown_to_clients),
    ATTEMPT(listen_not_bound),
    ATTEMPT(serve_one),
    ATTEMPT(serve_unix),
};

ATTEMPTS_MAIN(kAttempts)

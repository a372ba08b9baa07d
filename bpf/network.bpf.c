/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Sockets: which families exist, and which INET endpoints a sandbox may reach or offer. UNIX
 * sockets are files, held by the mount tree, or abstract, held by Landlock and namespaces.
 */
#include "emit.bpf.h"
#include "endpoint.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool is_inet(__u16 family) {
  return family == AF_INET || family == AF_INET6;
}

/* False: a protocol for which no rule can be written, so none allows it. */
static __always_inline bool set_protocol(struct endpoint* endpoint, struct socket* socket,
                                         struct sock* sock) {
  __u16 protocol = sock->sk_protocol;
  if (socket->type == SOCK_STREAM && protocol != 132 /* SCTP */)
    endpoint->protocol = IPPROTO_TCP;
  else if (socket->type == SOCK_DGRAM && protocol == IPPROTO_UDP)
    endpoint->protocol = IPPROTO_UDP;
  else
    return 0;
  return 1;
}

static __always_inline int refuse_endpoint(const struct subject* subject, struct refusal refusal,
                                           __u16 family, const struct endpoint* endpoint) {
  if (!subject->policy) refusal.reason = YETT_REASON_NO_POLICY;
  const int error = refusal.error; /* see emit.bpf.h */
  struct yett_event* event = begin_event(subject, &refusal);
  if (event) {
    event->family = family;
    event->port = endpoint->port;
    event->protocol = endpoint->protocol;
    __builtin_memcpy(event->address, endpoint->address, sizeof(event->address));
    bpf_ringbuf_submit(event, 0);
  }
  return error;
}

/* The rules for one direction, on an endpoint that is filled in. Without `has_rules` it is of a
 * protocol that no rule can name. */
static __always_inline int check_endpoint(const struct subject* subject, bool has_rules,
                                          __u16 family, struct endpoint* endpoint, __u16 hook) {
  struct refusal refusal = {.hook = hook, .reason = YETT_REASON_NO_ENDPOINT, .error = -EACCES};
  if (!subject->policy) return refuse_endpoint(subject, refusal, family, endpoint);
  __u32 flags = subject->policy->flags;
  if (flags & YETT_REFUSE_NETWORK) {
    refusal.reason = YETT_REASON_GROUP;
    return refuse_endpoint(subject, refusal, family, endpoint);
  }
  __u32 restricts =
      endpoint->direction == YETT_CONNECT ? YETT_RESTRICT_CONNECT : YETT_RESTRICT_LISTEN;
  if (!(flags & restricts)) return 0;
  if (has_rules &&
      endpoint_allowed(&yett_endpoints, subject->label.policy, subject->policy->rules, endpoint))
    return 0;
  return refuse_endpoint(subject, refusal, family, endpoint);
}

/* Copies the kernel's copy of an address. An unspecified family means IPv4 to bind and sendmsg on
 * an IPv4 socket (kernel: af_inet.c, udp.c), so it is read as that. False: not an INET address. */
static __always_inline bool read_address(struct endpoint* endpoint, __u16 socket_family,
                                         const void* address, int length, __u16* family) {
  struct socket_address copy = {};
  if (length < 2) return 0;
  if (length >= (int)sizeof(copy))
    bpf_probe_read_kernel(&copy, sizeof(copy), address);
  else if (length >= 8)
    bpf_probe_read_kernel(&copy, 8, address);
  else
    bpf_probe_read_kernel(&copy, 2, address);
  *family = copy.family;
  if (copy.family == AF_UNSPEC && socket_family == AF_INET) *family = AF_INET;
  endpoint->port = bpf_ntohs(copy.port);
  if (*family == AF_INET)
    set_ipv4(endpoint, copy.v4);
  else if (*family == AF_INET6)
    __builtin_memcpy(endpoint->address, copy.v6, sizeof(endpoint->address));
  else
    return 0;
  return 1;
}

SEC("lsm/socket_create")
int BPF_PROG(yett_socket_create, int family, int type, int protocol, int kernel, int ret) {
  if (ret) return ret;
  if (kernel) return 0;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  bool ordinary = family == AF_UNIX || family == AF_INET || family == AF_INET6;
  if (subject.policy && ordinary) return 0;
  if (!refuses(&subject, YETT_REFUSE_ODD_SOCKETS)) return 0;
  struct refusal refusal = {
      .hook = YETT_HOOK_SOCKET, .reason = YETT_REASON_GROUP, .error = -EACCES, .detail = family};
  return refuse(&subject, refusal);
}

static __always_inline int check_address(struct socket* socket, const void* address, int length,
                                         __u8 direction, __u16 hook) {
  struct sock* sock = socket->sk;
  if (!sock || !is_inet(sock->__sk_common.skc_family)) return 0;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct endpoint endpoint = {.direction = direction};
  __u16 family = 0;
  bool readable = read_address(&endpoint, sock->__sk_common.skc_family, address, length, &family);
  bool has_rules = set_protocol(&endpoint, socket, sock);
  /* connect(2) to "unspecified" only dissolves an association. */
  if (family == AF_UNSPEC || (!readable && subject.policy)) return 0;
  if (hook == YETT_HOOK_CONNECT && family == AF_INET6 && is_any(&endpoint)) {
    /* SECURITY(connect-any): see cgroup.bpf.c. */
    struct endpoint ipv4 = endpoint;
    set_ipv4(&ipv4, bpf_htonl(INADDR_LOOPBACK));
    const int refused = check_endpoint(&subject, has_rules, AF_INET, &ipv4, hook);
    if (refused) return refused;
  }
  return check_endpoint(&subject, has_rules, family, &endpoint, hook);
}

SEC("lsm/socket_connect")
int BPF_PROG(yett_socket_connect, struct socket* socket, struct sockaddr* address, int length,
             int ret) {
  if (ret) return ret;
  __u16 family = 0;
  bpf_probe_read_kernel(&family, sizeof(family), address);
  if (length >= 2 && family == AF_UNSPEC) return 0;
  return check_address(socket, address, length, YETT_CONNECT, YETT_HOOK_CONNECT);
}

SEC("lsm/socket_bind")
int BPF_PROG(yett_socket_bind, struct socket* socket, struct sockaddr* address, int length,
             int ret) {
  return ret ? ret : check_address(socket, address, length, YETT_LISTEN, YETT_HOOK_BIND);
}

/* SECURITY(listen-both): whether it takes IPv4 beside IPv6. A bound socket keeps its IPV6_V6ONLY.
 */
static __always_inline bool takes_ipv4(struct sock* sock, const struct endpoint* endpoint) {
  return is_any(endpoint) &&
         (!endpoint->port || !BPF_CORE_READ_BITFIELD_PROBED(sock, __sk_common.skc_ipv6only));
}

/* SECURITY(listen_without_bind): the kernel would choose a port, which no bind hook sees. */
SEC("lsm/socket_listen")
int BPF_PROG(yett_socket_listen, struct socket* socket, int backlog, int ret) {
  if (ret) return ret;
  struct sock* sock = socket->sk;
  if (!sock) return 0;
  __u16 family = sock->__sk_common.skc_family;
  if (!is_inet(family)) return 0;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct endpoint endpoint = {.direction = YETT_LISTEN, .port = sock->__sk_common.skc_num};
  if (family == AF_INET)
    set_ipv4(&endpoint, sock->__sk_common.skc_rcv_saddr);
  else
    BPF_CORE_READ_INTO(&endpoint.address, sock, __sk_common.skc_v6_rcv_saddr);
  bool has_rules = set_protocol(&endpoint, socket, sock);
  if (family == AF_INET6 && takes_ipv4(sock, &endpoint)) {
    struct endpoint ipv4 = endpoint;
    set_ipv4(&ipv4, 0);
    const int refused = check_endpoint(&subject, has_rules, AF_INET, &ipv4, YETT_HOOK_LISTEN);
    if (refused) return refused;
  }
  return check_endpoint(&subject, has_rules, family, &endpoint, YETT_HOOK_LISTEN);
}

static __always_inline bool is_route(const struct control_header* header) {
  if (header->level == IPPROTO_IP) return header->type == IP_RETOPTS;
  return header->level == IPPROTO_IPV6 &&
         (header->type == IPV6_RTHDR || header->type == IPV6_2292RTHDR);
}

/* Whether the kernel's copy of the control data has a route in it, or more than is read here. */
static __always_inline bool may_hold_route(const void* control, __u64 length) {
  struct control_header header;
  __u64 at = 0;
#pragma clang loop unroll(disable)
  for (int i = 0; i < 32; i++) {
    if (at + sizeof(header) > length) return 0;
    if (bpf_probe_read_kernel(&header, sizeof(header), control + at)) return 1;
    if (is_route(&header)) return 1;
    /* What the kernel takes for the end of all, or for broken. */
    if (header.length < sizeof(header) || header.length > length - at) return 0;
    at += (header.length + 7) & ~7ULL;
  }
  return 1;
}

/* SECURITY(source-routes): a datagram's control data may name another address than the one that is
 * decided on. Where cgroup programs are attached they see the packet itself. */
static __always_inline int check_control(struct socket* socket, struct msghdr* message) {
  __u64 length = message->msg_controllen;
  struct sock* sock = socket->sk;
  if (!length || !sock || !is_inet(sock->__sk_common.skc_family) || socket->type == SOCK_STREAM)
    return 0;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  if (subject.policy && !(subject.policy->flags & YETT_RESTRICT_CONNECT)) return 0;
  if (!may_hold_route(BPF_CORE_READ(message, msg_control), length)) return 0;
  struct refusal refusal = {
      .hook = YETT_HOOK_SEND, .reason = YETT_REASON_PACKET_OPTIONS, .error = -EACCES};
  return refuse(&subject, refusal);
}

/* Addressed datagrams, and TCP fast open, which connects without the connect hook. */
SEC("lsm/socket_sendmsg")
int BPF_PROG(yett_socket_sendmsg, struct socket* socket, struct msghdr* message, int size,
             int ret) {
  if (ret) return ret;
  const int refused = check_control(socket, message);
  if (refused) return refused;
  const void* address = message->msg_name;
  if (!address) return 0;
  return check_address(socket, address, message->msg_namelen, YETT_CONNECT, YETT_HOOK_SEND);
}

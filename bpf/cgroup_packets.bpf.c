/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What leaves and enters the sockets of one cgroup, packet by packet: what the hooks on addresses
 * (cgroup.bpf.c) cannot see.
 */
#include "cgroup_maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* There is no current process to tell of. */
static __always_inline void begin_packet_event(struct yett_event* event, __u8 rules, __u16 hook,
                                               __u16 reason) {
  take_back_loss();
  __builtin_memset(event, 0, sizeof(*event));
  event->time_ns = bpf_ktime_get_ns();
  event->policy = rules;
  event->hook = hook;
  event->reason = reason;
  event->error = -EPERM;
}

/* The headers of a packet as far as they matter here. */
struct packet_start {
  __u8 version_and_length;
  __u8 unused[5];
  __u8 next_header; /* IPv6 */
  __u8 unused_too[2];
  __u8 protocol; /* IPv4 */
};
#define IPV6_HEADER_BYTES 40

static __always_inline bool is_transport(__u8 protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* Nothing stands between the address that the packet goes to and its transport header. A packet of
 * more than 64 KiB, which is cut later, says its length in between (BIG TCP, until Linux 6.19). */
static __always_inline bool is_plain_packet(struct __sk_buff* packet) {
  struct packet_start start;
  if (bpf_skb_load_bytes(packet, 0, &start, sizeof(start))) return 0;
  if (start.version_and_length == 0x45) return is_transport(start.protocol);
  if (start.version_and_length >> 4 != 6) return 0;
  if (start.next_header != IPPROTO_HOPOPTS) return is_transport(start.next_header);
  __u8 jumbo[2]; /* the next header, and how many times 8 bytes come after the first 8 */
  return !bpf_skb_load_bytes(packet, IPV6_HEADER_BYTES, jumbo, sizeof(jumbo)) &&
         jumbo[0] == IPPROTO_TCP && jumbo[1] == 0;
}

/* SECURITY(source-routes): the hooks on addresses decide on where a packet ends; by its options or
 * routing header it would first go elsewhere, as control data of sendmsg or an option of the socket
 * can ask for. Whoever sends. */
SEC("cgroup_skb/egress")
int yett_egress(struct __sk_buff* packet) {
  const struct yett_cgroup_policy* policy = find_policy();
  if (!policy) return REFUSE;
  if (!(policy->flags & YETT_CGROUP_NETWORK) || is_plain_packet(packet)) return ALLOW;
  struct yett_event* event = reserve_event();
  if (event) {
    begin_packet_event(event, policy->rules, YETT_HOOK_PACKET, YETT_REASON_PACKET_OPTIONS);
    bpf_ringbuf_submit(event, 0);
  }
  return REFUSE;
}

struct ipv4_header {
  __u8 version_and_length;
  __u8 unused[11];
  __be32 source;
};
struct ipv6_header {
  __u8 unused[6];
  __u8 next_header;
  __u8 unused_too;
  __u8 source[16];
};

/* Where a datagram comes from. False: it cannot be told. */
static __always_inline bool read_source(struct __sk_buff* packet, bool is_ipv4,
                                        struct endpoint* source) {
  __u32 header_bytes = IPV6_HEADER_BYTES;
  if (is_ipv4) {
    struct ipv4_header header;
    if (bpf_skb_load_bytes(packet, 0, &header, sizeof(header))) return 0;
    header_bytes = (header.version_and_length & 15) * 4;
    set_ipv4(source, header.source);
  } else {
    struct ipv6_header header;
    if (bpf_skb_load_bytes(packet, 0, &header, sizeof(header)) || header.next_header != IPPROTO_UDP)
      return 0;
    __builtin_memcpy(source->address, header.source, sizeof(source->address));
  }
  __be16 port;
  if (bpf_skb_load_bytes(packet, header_bytes, &port, sizeof(port))) return 0;
  source->port = bpf_ntohs(port);
  return 1;
}

static __always_inline bool is_ipv4_packet(const struct __sk_buff* packet) {
  return packet->protocol == bpf_htons(ETH_P_IP);
}

/* Where the socket takes packets of this version. At `::` it takes IPv4 at every address of that.
 */
static __always_inline void read_local(const struct bpf_sock* socket, bool is_ipv4,
                                       struct endpoint* local) {
  local->direction = YETT_LISTEN;
  local->port = (__u16)socket->src_port;
  if (socket->family == AF_INET) return set_ipv4(local, socket->src_ip4);
  const __u32 words[4] = {socket->src_ip6[0], socket->src_ip6[1], socket->src_ip6[2],
                          socket->src_ip6[3]};
  __builtin_memcpy(local->address, words, sizeof(local->address));
  if (is_ipv4 && is_any(local)) set_ipv4(local, 0);
}

/* The address as a whole, as the hook on connect saw it: while a socket goes from one peer to
 * another, it has the address of one and the port of the other for a moment. */
static __always_inline bool is_peer(struct bpf_sock* socket, const struct endpoint* source) {
  if (socket->state != BPF_TCP_ESTABLISHED) return 0;
  struct yett_peer* stored = bpf_sk_storage_get(&yett_cgroup_peers, socket, 0, 0);
  if (!stored) return 0;
  struct endpoint peer = {};
  bpf_spin_lock(&stored->lock);
  peer.port = stored->port;
  __builtin_memcpy(peer.address, stored->address, sizeof(peer.address));
  bpf_spin_unlock(&stored->lock);
  return peer.port == source->port && is_same_address(&peer, source);
}

/* Who sends from outside shall not crowd out what is told of the sandbox's own calls: one half of
 * the room is left to these. Global for the same reason as yett_find_endpoint. */
__noinline int yett_tell_of_incoming(__u8 rules, __u16 family, const struct endpoint* endpoint) {
  const bool has_room =
      bpf_ringbuf_query(&yett_cgroup_events, BPF_RB_AVAIL_DATA) < YETT_EVENT_RING_BYTES / 2;
  struct yett_event* event = endpoint && has_room ? reserve_event() : 0;
  if (event) {
    begin_packet_event(event, rules, YETT_HOOK_RECEIVE, YETT_REASON_NO_ENDPOINT);
    event->family = family;
    event->port = endpoint->port;
    event->protocol = endpoint->protocol;
    event->detail = endpoint->direction;
    __builtin_memcpy(event->address, endpoint->address, sizeof(event->address));
    bpf_ringbuf_submit(event, 0);
  }
  return 0;
}

static __always_inline bool allowed(const struct yett_cgroup_policy* policy,
                                    const struct endpoint* endpoint) {
  return yett_find_endpoint(policy->rules, endpoint) != NO_ENDPOINT;
}

/* SECURITY(udp-answers): a socket that once sent is bound to a port of the kernel's choice, which
 * no hook on addresses sees. It takes what comes from where it may send to, and from everywhere
 * only where it may listen. */
static __always_inline int decide_datagram(struct __sk_buff* packet, struct bpf_sock* socket,
                                           const struct yett_cgroup_policy* policy) {
  const bool is_ipv4 = is_ipv4_packet(packet);
  struct endpoint source = {.protocol = IPPROTO_UDP, .direction = YETT_CONNECT};
  if (!read_source(packet, is_ipv4, &source)) return REFUSE;
  if (allowed(policy, &source) || is_peer(socket, &source)) return ALLOW;
  struct endpoint local = {.protocol = IPPROTO_UDP};
  read_local(socket, is_ipv4, &local);
  if (allowed(policy, &local)) return ALLOW;
  yett_tell_of_incoming(policy->rules, is_ipv4 ? AF_INET : AF_INET6, &source);
  return REFUSE;
}

/* SECURITY(listen-both): a rule for IPv6 does not open IPv4. */
static __always_inline int decide_segment(struct __sk_buff* packet, struct bpf_sock* socket,
                                          const struct yett_cgroup_policy* policy) {
  if (socket->state != BPF_TCP_LISTEN || socket->family != AF_INET6 || !is_ipv4_packet(packet))
    return ALLOW;
  struct endpoint local = {.protocol = IPPROTO_TCP};
  read_local(socket, 1, &local);
  if (allowed(policy, &local)) return ALLOW;
  yett_tell_of_incoming(policy->rules, AF_INET, &local);
  return REFUSE;
}

SEC("cgroup_skb/ingress")
int yett_ingress(struct __sk_buff* packet) {
  const struct yett_cgroup_policy* policy = find_policy();
  if (!policy) return REFUSE;
  if (!(policy->flags & YETT_CGROUP_NETWORK)) return ALLOW;
  struct bpf_sock* socket = packet->sk;
  if (!socket) return REFUSE;
  socket = bpf_sk_fullsock(socket);
  if (!socket) return REFUSE;
  if (socket->type == SOCK_STREAM) return decide_segment(packet, socket, policy);
  return decide_datagram(packet, socket, policy);
}

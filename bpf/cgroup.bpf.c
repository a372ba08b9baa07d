/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Network and devices of one cgroup, for hosts where BPF LSM does not load and as its second layer.
 * Each sandbox loads its own instance, which lives as long as the cgroup it is attached to, and
 * holds for child cgroups too. Until its policy is written it denies everything.
 */
#include "endpoint.bpf.h"
#include "ioctl_uapi/lsm_event.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct yett_cgroup_policy);
} yett_cgroup_policies SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 65536); /* of several sets of rules: the one in force and earlier ones */
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct yett_endpoint_key);
  __type(value, struct yett_endpoint_value);
} yett_cgroup_endpoints SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, YETT_EVENT_RING_BYTES);
} yett_cgroup_events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct yett_counts);
} yett_cgroup_counts SEC(".maps");

/* The second bit of bind's answer: also below port 1024, where the rule says so and the program has
 * no capability (Linux 5.12). */
enum { REFUSE = 0, ALLOW = 1, ALLOW_ANY_PORT = 3 };

/* A function of its own, so that the object's type information holds struct yett_event. */
static __noinline int fill_event(struct yett_event* event, __u32 policy, __u16 hook, __u16 reason) {
  __builtin_memset(event, 0, sizeof(*event));
  event->time_ns = bpf_ktime_get_ns();
  event->policy = policy;
  event->pid = bpf_get_current_pid_tgid() >> 32;
  event->hook = hook;
  event->reason = reason;
  event->error = -EPERM; /* cgroup programs give no other */
  bpf_get_current_comm(event->comm, sizeof(event->comm));
  return 0;
}

/* NULL: no room, and counted as lost. One comparison of the pointer on each way: the verifier
 * of 6.1 takes a second one for a reference that was not given back. */
static __always_inline struct yett_event* reserve_event(void) {
  __u32 zero = 0;
  struct yett_counts* counts = bpf_map_lookup_elem(&yett_cgroup_counts, &zero);
  if (!counts) return 0;
  __sync_fetch_and_add(&counts->refused, 1);
  /* Counted before it is known, and taken back where there was room. */
  __sync_fetch_and_add(&counts->lost_events, 1);
  return bpf_ringbuf_reserve(&yett_cgroup_events, sizeof(struct yett_event), 0);
}

static __always_inline void take_back_loss(void) {
  __u32 zero = 0;
  struct yett_counts* counts = bpf_map_lookup_elem(&yett_cgroup_counts, &zero);
  if (counts) __sync_fetch_and_add(&counts->lost_events, -1);
}

static __always_inline void begin_event(struct yett_event* event,
                                        const struct yett_cgroup_policy* policy, __u16 hook,
                                        __u16 reason) {
  take_back_loss();
  fill_event(event, policy->rules, hook, reason);
}

static __always_inline void begin_packet_event(struct yett_event* event,
                                               const struct yett_cgroup_policy* policy) {
  take_back_loss();
  __builtin_memset(event, 0, sizeof(*event));
  event->time_ns = bpf_ktime_get_ns();
  event->policy = policy->rules;
  event->hook = YETT_HOOK_PACKET;
  event->reason = YETT_REASON_PACKET_OPTIONS;
  event->error = -EPERM;
}

/* NULL: the entry was never written. SECURITY(cgroup_not_armed): then everything is refused. */
static __always_inline const struct yett_cgroup_policy* find_policy(void) {
  __u32 zero = 0;
  const struct yett_cgroup_policy* policy = bpf_map_lookup_elem(&yett_cgroup_policies, &zero);
  return policy && (policy->flags & YETT_CGROUP_ARMED) ? policy : 0;
}

static __always_inline bool set_protocol(struct endpoint* endpoint, __u32 type, __u32 protocol) {
  if (type == SOCK_STREAM && protocol != 132 /* SCTP */)
    endpoint->protocol = IPPROTO_TCP;
  else if (type == SOCK_DGRAM && protocol == IPPROTO_UDP)
    endpoint->protocol = IPPROTO_UDP;
  else
    return 0;
  return 1;
}

static __always_inline int decide(struct bpf_sock_addr* context, struct endpoint* endpoint,
                                  __u16 family, __u16 hook) {
  const struct yett_cgroup_policy* policy = find_policy();
  if (!policy) return REFUSE;
  if (!(policy->flags & YETT_CGROUP_NETWORK)) return ALLOW;
  endpoint->port = bpf_ntohs(context->user_port);
  if (set_protocol(endpoint, context->type, context->protocol)) {
    enum endpoint_answer found =
        endpoint_allowed(&yett_cgroup_endpoints, 0, policy->rules, endpoint);
    /* SECURITY(low-ports): a rule for all ports gives those that any program may have. */
    if (found == PORT_ALLOWED && endpoint->direction == YETT_LISTEN) return ALLOW_ANY_PORT;
    if (found != NO_ENDPOINT) return ALLOW;
  }
  struct yett_event* event = reserve_event();
  if (event) {
    begin_event(event, policy, hook, YETT_REASON_NO_ENDPOINT);
    event->family = family;
    event->port = endpoint->port;
    event->protocol = endpoint->protocol;
    __builtin_memcpy(event->address, endpoint->address, sizeof(event->address));
    bpf_ringbuf_submit(event, 0);
  }
  return REFUSE;
}

static __always_inline int decide_ipv4(struct bpf_sock_addr* context, __u8 direction, __u16 hook) {
  struct endpoint endpoint = {.direction = direction};
  set_ipv4(&endpoint, context->user_ip4);
  return decide(context, &endpoint, AF_INET, hook);
}

static __always_inline int decide_ipv6(struct bpf_sock_addr* context, __u8 direction, __u16 hook) {
  struct endpoint endpoint = {.direction = direction};
  __u32 words[4] = {context->user_ip6[0], context->user_ip6[1], context->user_ip6[2],
                    context->user_ip6[3]};
  __builtin_memcpy(endpoint.address, words, sizeof(endpoint.address));
  return decide(context, &endpoint, AF_INET6, hook);
}

SEC("cgroup/connect4")
int yett_connect4(struct bpf_sock_addr* context) {
  return decide_ipv4(context, YETT_CONNECT, YETT_HOOK_CONNECT);
}

SEC("cgroup/connect6")
int yett_connect6(struct bpf_sock_addr* context) {
  return decide_ipv6(context, YETT_CONNECT, YETT_HOOK_CONNECT);
}

SEC("cgroup/sendmsg4")
int yett_sendmsg4(struct bpf_sock_addr* context) {
  return decide_ipv4(context, YETT_CONNECT, YETT_HOOK_SEND);
}

SEC("cgroup/sendmsg6")
int yett_sendmsg6(struct bpf_sock_addr* context) {
  return decide_ipv6(context, YETT_CONNECT, YETT_HOOK_SEND);
}

SEC("cgroup/bind4")
int yett_bind4(struct bpf_sock_addr* context) {
  return decide_ipv4(context, YETT_LISTEN, YETT_HOOK_BIND);
}

SEC("cgroup/bind6")
int yett_bind6(struct bpf_sock_addr* context) {
  return decide_ipv6(context, YETT_LISTEN, YETT_HOOK_BIND);
}

/* Stream and datagram sockets only: a raw or ping socket has no ports for rules to speak of. */
SEC("cgroup/sock_create")
int yett_sock_create(struct bpf_sock* context) {
  const struct yett_cgroup_policy* policy = find_policy();
  if (!policy) return REFUSE;
  if (!(policy->flags & YETT_CGROUP_NETWORK)) return ALLOW;
  struct endpoint endpoint = {};
  if (set_protocol(&endpoint, context->type, context->protocol)) return ALLOW;
  struct yett_event* event = reserve_event();
  if (event) {
    begin_event(event, policy, YETT_HOOK_SOCKET, YETT_REASON_NO_ENDPOINT);
    event->family = context->family;
    event->detail = context->type;
    bpf_ringbuf_submit(event, 0);
  }
  return REFUSE;
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

/* SECURITY(source-routes): the hooks above decide on where a packet ends; by its options or routing
 * header it would first go elsewhere, as control data of sendmsg or an option of the socket can ask
 * for. Sent by whoever sends: there is no current process to tell of. */
SEC("cgroup_skb/egress")
int yett_egress(struct __sk_buff* packet) {
  const struct yett_cgroup_policy* policy = find_policy();
  if (!policy) return REFUSE;
  if (!(policy->flags & YETT_CGROUP_NETWORK) || is_plain_packet(packet)) return ALLOW;
  struct yett_event* event = reserve_event();
  if (event) {
    begin_packet_event(event, policy);
    bpf_ringbuf_submit(event, 0);
  }
  return REFUSE;
}

/* null, zero, full, random, urandom, tty, ptmx, and every pseudo-terminal. */
static __always_inline bool is_harmless_device(__u32 major, __u32 minor) {
  if (major == 1) return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9;
  if (major == 5) return minor == 0 || minor == 2;
  return major >= 136 && major <= 143;
}

SEC("cgroup/dev")
int yett_device(struct bpf_cgroup_dev_ctx* context) {
  const struct yett_cgroup_policy* policy = find_policy();
  if (!policy) return REFUSE;
  if (!(policy->flags & YETT_CGROUP_DEVICES)) return ALLOW;
  __u32 access = context->access_type >> 16;
  __u32 type = context->access_type & 0xffff;
  /* SECURITY(device_nodes): known character devices, and making none. */
  if (type == BPF_DEVCG_DEV_CHAR && !(access & BPF_DEVCG_ACC_MKNOD) &&
      is_harmless_device(context->major, context->minor))
    return ALLOW;
  struct yett_event* event = reserve_event();
  if (event) {
    begin_event(event, policy, YETT_HOOK_DEVICE, YETT_REASON_GROUP);
    event->detail = (context->major << 20) | context->minor;
    bpf_ringbuf_submit(event, 0);
  }
  return REFUSE;
}

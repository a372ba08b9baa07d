/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Network and devices of one cgroup, for hosts where BPF LSM does not load and as its second layer.
 * Each sandbox loads its own instance, which lives as long as the cgroup it is attached to, and
 * holds for child cgroups too. Until its policy is written it denies everything.
 */
#include "cgroup_maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool set_protocol(struct endpoint* endpoint, __u32 type, __u32 protocol) {
  if (type == SOCK_STREAM && protocol != 132 /* SCTP */)
    endpoint->protocol = IPPROTO_TCP;
  else if (type == SOCK_DGRAM && protocol == IPPROTO_UDP)
    endpoint->protocol = IPPROTO_UDP;
  else
    return 0;
  return 1;
}

/* Global for the same reason as yett_find_endpoint. */
__noinline int yett_tell_of_endpoint(__u8 rules, __u16 hook, __u16 family,
                                     const struct endpoint* endpoint) {
  struct yett_event* event = endpoint ? reserve_event() : 0;
  if (!event) return 0;
  begin_event(event, rules, hook, YETT_REASON_NO_ENDPOINT);
  event->family = family;
  event->port = endpoint->port;
  event->protocol = endpoint->protocol;
  __builtin_memcpy(event->address, endpoint->address, sizeof(event->address));
  bpf_ringbuf_submit(event, 0);
  return 0;
}

static __always_inline int decide(struct bpf_sock_addr* context, struct endpoint* endpoint,
                                  __u16 family, __u16 hook) {
  const struct yett_cgroup_policy* policy = find_policy();
  if (!policy) return REFUSE;
  if (!(policy->flags & YETT_CGROUP_NETWORK)) return ALLOW;
  endpoint->port = bpf_ntohs(context->user_port);
  if (set_protocol(endpoint, context->type, context->protocol)) {
    const int found = yett_find_endpoint(policy->rules, endpoint);
    /* SECURITY(low-ports): a rule for all ports gives those that any program may have. */
    if (found == PORT_ALLOWED && hook == YETT_HOOK_BIND) return ALLOW_ANY_PORT;
    if (found != NO_ENDPOINT) return ALLOW;
  }
  yett_tell_of_endpoint(policy->rules, hook, family, endpoint);
  return REFUSE;
}

/* Of a datagram socket that may connect there. Without memory for it the rules alone decide on
 * what comes back. */
static __always_inline void remember_peer(struct bpf_sock_addr* context,
                                          const struct endpoint* endpoint) {
  if (context->type != SOCK_DGRAM || !context->sk) return;
  struct yett_peer* peer =
      bpf_sk_storage_get(&yett_cgroup_peers, context->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!peer) return;
  bpf_spin_lock(&peer->lock);
  peer->port = endpoint->port;
  __builtin_memcpy(peer->address, endpoint->address, sizeof(peer->address));
  bpf_spin_unlock(&peer->lock);
}

static __always_inline int decide_connect(struct bpf_sock_addr* context, struct endpoint* endpoint,
                                          __u16 family) {
  const int answer = decide(context, endpoint, family, YETT_HOOK_CONNECT);
  if (answer != REFUSE) remember_peer(context, endpoint);
  return answer;
}

static __always_inline int decide_ipv4(struct bpf_sock_addr* context, __u8 direction, __u16 hook) {
  struct endpoint endpoint = {.direction = direction};
  set_ipv4(&endpoint, context->user_ip4);
  if (hook == YETT_HOOK_CONNECT) return decide_connect(context, &endpoint, AF_INET);
  return decide(context, &endpoint, AF_INET, hook);
}

static __always_inline int decide_ipv6(struct bpf_sock_addr* context, __u8 direction, __u16 hook) {
  struct endpoint endpoint = {.direction = direction};
  __u32 words[4] = {context->user_ip6[0], context->user_ip6[1], context->user_ip6[2],
                    context->user_ip6[3]};
  __builtin_memcpy(endpoint.address, words, sizeof(endpoint.address));
  if (hook != YETT_HOOK_CONNECT) return decide(context, &endpoint, AF_INET6, hook);
  if (!is_any(&endpoint)) return decide_connect(context, &endpoint, AF_INET6);
  /* SECURITY(connect-any): the kernel takes `::` for the loopback of IPv6, or, where the socket is
   * bound to an address of IPv4, for that of IPv4. */
  struct endpoint ipv4 = {.direction = direction};
  set_ipv4(&ipv4, bpf_htonl(INADDR_LOOPBACK));
  return decide(context, &ipv4, AF_INET, hook) == REFUSE
             ? REFUSE
             : decide(context, &endpoint, AF_INET6, hook);
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
    begin_event(event, policy->rules, YETT_HOOK_SOCKET, YETT_REASON_NO_ENDPOINT);
    event->family = context->family;
    event->detail = context->type;
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
    begin_event(event, policy->rules, YETT_HOOK_DEVICE, YETT_REASON_GROUP);
    event->detail = (context->major << 20) | context->minor;
    bpf_ringbuf_submit(event, 0);
  }
  return REFUSE;
}

/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The maps of the cgroup programs, and how they tell of a refusal. `__weak`, as in maps.bpf.h.
 */
#ifndef YETT_BPF_CGROUP_MAPS_H
#define YETT_BPF_CGROUP_MAPS_H

#include "endpoint.bpf.h"
#include "ioctl_uapi/lsm_event.h"

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct yett_cgroup_policy);
} yett_cgroup_policies SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 65536); /* of several sets of rules: the one in force and earlier ones */
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct yett_endpoint_key);
  __type(value, struct yett_endpoint_value);
} yett_cgroup_endpoints SEC(".maps") __weak;

/* Single addresses, as many as it was made for, with the same keys: asked first. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536); /* or fewer: user space says */
  __type(key, struct yett_endpoint_key);
  __type(value, struct yett_endpoint_value);
} yett_cgroup_addresses SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, YETT_EVENT_RING_BYTES);
} yett_cgroup_events SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct yett_counts);
} yett_cgroup_counts SEC(".maps") __weak;

/* Socket -> the endpoint that it was last let connect to: of datagrams, whose answers are then
 * its own affair for as long as it stays connected, as those of a stream are. */
struct yett_peer {
  struct bpf_spin_lock lock;
  __u16 port; /* host byte order */
  __u16 padding;
  __u8 address[16];
};
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct yett_peer);
} yett_cgroup_peers SEC(".maps") __weak;

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

static __always_inline void begin_event(struct yett_event* event, __u8 rules, __u16 hook,
                                        __u16 reason) {
  take_back_loss();
  fill_event(event, rules, hook, reason);
}

/* NULL: the entry was never written. SECURITY(cgroup_not_armed): then everything is refused. */
static __always_inline const struct yett_cgroup_policy* find_policy(void) {
  __u32 zero = 0;
  const struct yett_cgroup_policy* policy = bpf_map_lookup_elem(&yett_cgroup_policies, &zero);
  return policy && (policy->flags & YETT_CGROUP_ARMED) ? policy : 0;
}

/* Two global functions: the verifier looks at each once, not on every path that leads to it, nor
 * once for each of the two maps. Both give an endpoint_answer, and NULL is asked for by it. */
__weak __noinline int yett_answer_for_port(const struct yett_endpoint_value* value, __u16 port) {
  return value ? port_answer(value, port) : NO_ENDPOINT;
}

/* What the set of rules with this number says. */
__weak __noinline int yett_find_endpoint(__u8 rules, const struct endpoint* endpoint) {
  if (!endpoint) return NO_ENDPOINT;
  struct yett_endpoint_key key;
  set_endpoint_key(&key, 0, rules, endpoint);
  const struct yett_endpoint_value* value = bpf_map_lookup_elem(&yett_cgroup_addresses, &key);
  if (!value) value = bpf_map_lookup_elem(&yett_cgroup_endpoints, &key);
  return value ? yett_answer_for_port(value, endpoint->port) : NO_ENDPOINT;
}

#endif

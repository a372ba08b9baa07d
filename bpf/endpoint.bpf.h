/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * One look-up for one endpoint, of constant work: the value at the longest prefix holds all port
 * ranges that any shorter prefix allows too (user space folds them in).
 */
#ifndef YETT_BPF_ENDPOINT_H
#define YETT_BPF_ENDPOINT_H

#include "ioctl_uapi/lsm_policy.h"
#include "kernel_types.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct endpoint {
  __u8 address[16]; /* IPv4 as ::ffff:a.b.c.d */
  __u16 port;       /* host byte order */
  __u8 protocol;
  __u8 direction;
};

static __always_inline void set_ipv4(struct endpoint* endpoint, __be32 address) {
  __builtin_memset(endpoint->address, 0, 10);
  endpoint->address[10] = 0xff;
  endpoint->address[11] = 0xff;
  __builtin_memcpy(&endpoint->address[12], &address, 4);
}

/* Here and in is_any no byte ends the comparison: each way out would be another path for the
 * verifier, and it goes all of them at every load. */
static __always_inline bool is_same_address(const struct endpoint* one,
                                            const struct endpoint* other) {
  __u8 differs = 0;
  for (int i = 0; i < 16; i++) differs |= one->address[i] ^ other->address[i];
  return differs == 0;
}

/* `::` */
static __always_inline bool is_any(const struct endpoint* endpoint) {
  __u8 bits = 0;
  for (int i = 0; i < 16; i++) bits |= endpoint->address[i];
  return bits == 0;
}

#define NO_PORT 0x10000

/* By a rule that names ports, or by one for all of them. */
enum endpoint_answer { NO_ENDPOINT = 0, ANY_PORT_ALLOWED, PORT_ALLOWED };

static __always_inline void set_endpoint_key(struct yett_endpoint_key* key, __u32 policy,
                                             __u8 rules, const struct endpoint* endpoint) {
  __builtin_memset(key, 0, sizeof(*key));
  key->prefix_length = YETT_ENDPOINT_FIXED_BITS + 128;
  key->policy = policy;
  key->direction = endpoint->direction;
  key->protocol = endpoint->protocol;
  key->rules = rules;
  __builtin_memcpy(key->address, endpoint->address, sizeof(key->address));
}

static __always_inline enum endpoint_answer port_answer(const struct yett_endpoint_value* value,
                                                        __u16 port) {
  __u32 first = NO_PORT;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < YETT_PORT_RANGES; i++) {
    if (i >= value->count) break;
    const struct yett_port_range* range = &value->ranges[i];
    if ((__u16)(port - range->first) > (__u16)(range->last - range->first)) continue;
    first = range->first;
    break;
  }
  if (first == NO_PORT) return NO_ENDPOINT;
  return first > 0 ? PORT_ALLOWED : ANY_PORT_ALLOWED;
}

static __always_inline enum endpoint_answer endpoint_allowed(void* map, __u32 policy, __u8 rules,
                                                             const struct endpoint* endpoint) {
  struct yett_endpoint_key key;
  set_endpoint_key(&key, policy, rules, endpoint);
  const struct yett_endpoint_value* value = bpf_map_lookup_elem(map, &key);
  return value ? port_answer(value, endpoint->port) : NO_ENDPOINT;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Every map of the LSM programs; there are none elsewhere. `__weak`, so that each program file may
 * include this and the linker makes one of them.
 */
#ifndef YETT_BPF_MAPS_H
#define YETT_BPF_MAPS_H

#include "ioctl_uapi/lsm_event.h"
#include "ioctl_uapi/lsm_policy.h"
#include "kernel_types.h"

#include <bpf/bpf_helpers.h>

/* Task -> label. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct yett_label);
} yett_labels SEC(".maps") __weak;

/* Policy id -> entry. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct yett_policy);
} yett_policies SEC(".maps") __weak;

/* Policy id -> counters. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct yett_counts);
} yett_counters SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, YETT_GLOBAL_COUNTS);
  __type(key, __u32);
  __type(value, __u64);
} yett_globals SEC(".maps") __weak;

/* Inode -> tag of the rule roots. */
struct {
  __uint(type, BPF_MAP_TYPE_INODE_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, __u64);
} yett_tags SEC(".maps") __weak;

/* {policy, tag} -> yett_root_bit. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct yett_root_key);
  __type(value, __u32);
} yett_roots SEC(".maps") __weak;

/* Inode -> who wrote it. */
struct {
  __uint(type, BPF_MAP_TYPE_INODE_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct yett_written);
} yett_written_by SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct yett_endpoint_key);
  __type(value, struct yett_endpoint_value);
} yett_endpoints SEC(".maps") __weak;

/* One ring for each sandbox, so that each supervisor drains its own: a shared one would let one
 * sandbox's flood hide another's refusals. */
struct yett_ring {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, YETT_EVENT_RING_BYTES);
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, YETT_EVENT_SLOTS);
  __type(key, __u32);
  __array(values, struct yett_ring);
} yett_rings SEC(".maps") __weak;

/* Slot of yett_rings -> policy id: user space claims a slot by making the entry. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, YETT_EVENT_SLOTS);
  __type(key, __u32);
  __type(value, __u32);
} yett_slots SEC(".maps") __weak;

#endif

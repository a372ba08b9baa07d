/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Tells a refusal to the sandbox's supervisor. Never changes the decision: an event that cannot be
 * sent is counted.
 */
#ifndef YETT_BPF_EMIT_H
#define YETT_BPF_EMIT_H

#include "identity.bpf.h"

#include <bpf/bpf_core_read.h>

struct refusal {
  __u16 hook;
  __u16 reason;
  __s32 error; /* negative */
  __u32 detail;
};

/* A function of its own, so that the object's type information holds struct yett_event. */
static __noinline int fill_event(struct yett_event* event, const struct yett_label* label,
                                 const struct refusal* refusal) {
  __builtin_memset(event, 0, sizeof(*event));
  event->time_ns = bpf_ktime_get_ns();
  event->policy = label->policy;
  event->generation = label->generation;
  event->pid = bpf_get_current_pid_tgid() >> 32;
  event->hook = refusal->hook;
  event->reason = refusal->reason;
  event->error = refusal->error;
  event->detail = refusal->detail;
  bpf_get_current_comm(event->comm, sizeof(event->comm));
  return 0;
}

/* Where `subject` reports to, or NULL; counts the refusal. */
static __always_inline struct yett_event* begin_event(const struct subject* subject,
                                                      const struct refusal* refusal) {
  __u32 policy = subject->label.policy;
  struct yett_counts* counts = bpf_map_lookup_elem(&yett_counters, &policy);
  if (counts) __sync_fetch_and_add(&counts->refused, 1);
  if (!subject->policy) return 0;
  __u32 slot = subject->policy->event_slot;
  struct yett_event* event = 0;
  void* ring = bpf_map_lookup_elem(&yett_rings, &slot);
  if (ring) event = bpf_ringbuf_reserve(ring, sizeof(*event), 0);
  if (event)
    fill_event(event, &subject->label, refusal);
  else if (counts)
    __sync_fetch_and_add(&counts->lost_events, 1);
  return event;
}

/* In each of the following `error` is read before the structure's address leaves the function: the
 * verifier of 6.12 wants to see a constant in what a hook returns. */

/* A refusal about nothing but the call itself. */
static __always_inline int refuse(const struct subject* subject, struct refusal refusal) {
  if (!subject->policy) refusal.reason = YETT_REASON_NO_POLICY;
  const int error = refusal.error;
  struct yett_event* event = begin_event(subject, &refusal);
  if (event) bpf_ringbuf_submit(event, 0);
  return error;
}

/* A refusal about a directory entry: names its last component. */
static __always_inline int refuse_entry(const struct subject* subject, struct refusal refusal,
                                        struct dentry* dentry) {
  if (!subject->policy) refusal.reason = YETT_REASON_NO_POLICY;
  const int error = refusal.error;
  struct yett_event* event = begin_event(subject, &refusal);
  if (event) {
    bpf_probe_read_kernel_str(event->object, sizeof(event->object),
                              BPF_CORE_READ(dentry, d_name.name));
    bpf_ringbuf_submit(event, 0);
  }
  return error;
}

/* A refusal about an open file: names its path as the task sees it. Only for hooks that may call
 * bpf_d_path. */
static __always_inline int refuse_file(const struct subject* subject, struct refusal refusal,
                                       struct file* file) {
  if (!subject->policy) refusal.reason = YETT_REASON_NO_POLICY;
  const int error = refusal.error;
  struct yett_event* event = begin_event(subject, &refusal);
  if (event) {
    if (bpf_d_path(&file->f_path, event->object, sizeof(event->object)) < 0)
      bpf_probe_read_kernel_str(event->object, sizeof(event->object),
                                BPF_CORE_READ(file, f_path.dentry, d_name.name));
    bpf_ringbuf_submit(event, 0);
  }
  return error;
}

#endif

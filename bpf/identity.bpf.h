/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Whose task is this? Every hook begins here: earlier refusals stand, unlabelled tasks leave, and a
 * labelled task without a valid policy entry is refused.
 */
#ifndef YETT_BPF_IDENTITY_H
#define YETT_BPF_IDENTITY_H

#include "maps.bpf.h"

/* What a hook knows about the current task. `policy` is NULL when the entry is missing or
 * malformed: everything is then refused. */
struct subject {
  struct yett_label label;
  const struct yett_policy* policy;
};

static __always_inline void count_globally(__u32 which) {
  __u64* count = bpf_map_lookup_elem(&yett_globals, &which);
  if (count) (*count)++;
}

/* False: not one of ours, let it pass. */
static __always_inline bool find_subject(struct subject* subject) {
  const struct yett_label* label =
      bpf_task_storage_get(&yett_labels, bpf_get_current_task_btf(), 0, 0);
  if (!label) return 0;
  subject->label = *label;
  const struct yett_policy* policy = bpf_map_lookup_elem(&yett_policies, &subject->label.policy);
  /* SECURITY(no_policy_denies): a label without its entry gets nothing. */
  if (policy &&
      (policy->magic != YETT_POLICY_MAGIC || policy->generation != subject->label.generation ||
       (policy->flags & ~YETT_POLICY_FLAGS_ALL)))
    policy = 0;
  if (!policy) count_globally(YETT_COUNT_NO_POLICY);
  subject->policy = policy;
  return 1;
}

static __always_inline bool refuses(const struct subject* subject, __u32 flag) {
  return !subject->policy || (subject->policy->flags & flag);
}

/* Whether a hook's argument is NULL. Newer verifiers take every argument for a valid pointer and
 * drop a comparison of ours as dead code, so the bare number is read instead.
 * SECURITY(null_argument): a hook whose argument may be NULL asks here before anything else. */
static __always_inline bool is_null_argument(unsigned long long* context, int index) {
  __u64 value = 0;
  bpf_probe_read_kernel(&value, sizeof(value), &context[index]);
  return value == 0;
}

#endif

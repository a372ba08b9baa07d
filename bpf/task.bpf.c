/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Identity passed on to new tasks, and what a sandbox may do to tasks outside it: nothing.
 */
#include "emit.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* SECURITY(label_inheritance): a child without its parent's label would be free, so a fork whose
 * label cannot be stored fails. */
SEC("lsm/task_alloc")
int BPF_PROG(yett_task_alloc, struct task_struct* task, unsigned long clone_flags, int ret) {
  if (ret) return ret;
  struct yett_label* mine = bpf_task_storage_get(&yett_labels, bpf_get_current_task_btf(), 0, 0);
  if (!mine) return 0;
  struct yett_label* its =
      bpf_task_storage_get(&yett_labels, task, mine, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (its) return 0;
  count_globally(YETT_COUNT_NO_LABEL_MEMORY);
  return -ENOMEM;
}

static __always_inline bool same_sandbox(const struct subject* subject, struct task_struct* other) {
  const struct yett_label* label = bpf_task_storage_get(&yett_labels, other, 0, 0);
  return label && label->policy == subject->label.policy &&
         label->generation == subject->label.generation;
}

static __always_inline int touch_task(struct task_struct* other, __u16 hook, __u32 detail) {
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  if (!refuses(&subject, YETT_REFUSE_OUTSIDE_TASKS)) return 0;
  if (subject.policy && same_sandbox(&subject, other)) return 0;
  struct refusal refusal = {
      .hook = hook, .reason = YETT_REASON_OUTSIDE, .error = -EPERM, .detail = detail};
  return refuse(&subject, refusal);
}

/* Also behind process_vm_*, pidfd_getfd, kcmp and /proc/PID/{mem,fd,maps,...}. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(yett_ptrace_access, struct task_struct* child, unsigned int mode, int ret) {
  return ret ? ret : touch_task(child, YETT_HOOK_PTRACE, mode);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(yett_ptrace_traceme, struct task_struct* parent, int ret) {
  return ret ? ret : touch_task(parent, YETT_HOOK_PTRACE, 0);
}

/* With credentials given, somebody else's signal is being delivered in our context (USB). */
SEC("lsm/task_kill")
int BPF_PROG(yett_task_kill, struct task_struct* target, struct kernel_siginfo* info, int signal,
             const struct cred* cred, int ret) {
  if (ret) return ret;
  if (!is_null_argument(ctx, 3)) return 0;
  return touch_task(target, YETT_HOOK_SIGNAL, signal);
}

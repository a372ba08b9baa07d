/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Doors to more kernel: bpf, perf, io_uring, new user namespaces, keys, modules, kernel log, clock,
 * quota, and the ioctls that type into a terminal. The filter refuses their system calls; here the
 * same is refused on the objects, so that a hole in one is caught by the other.
 */
#include "emit.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int use_kernel(__u16 hook, __u32 detail) {
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  if (!refuses(&subject, YETT_REFUSE_KERNEL)) return 0;
  struct refusal refusal = {
      .hook = hook, .reason = YETT_REASON_GROUP, .error = -EPERM, .detail = detail};
  return refuse(&subject, refusal);
}

SEC("lsm/bpf")
int BPF_PROG(yett_bpf, int command, union bpf_attr* attributes, unsigned int size, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_BPF, command);
}

/* Use of a map or program whose descriptor came from outside. */
SEC("lsm/bpf_map")
int BPF_PROG(yett_bpf_map, struct bpf_map* map, unsigned int mode, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_BPF, 0);
}

SEC("lsm/bpf_prog")
int BPF_PROG(yett_bpf_prog, struct bpf_prog* program, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_BPF, 0);
}

/* Its arguments differ between kernels (6.12 dropped the first), so `ret` has no fixed place here;
 * an earlier program's refusal ends the trampoline before us anyway. */
SEC("lsm/perf_event_open")
int BPF_PROG(yett_perf_event_open) { return use_kernel(YETT_HOOK_PERF_EVENT, 0); }

SEC("lsm/uring_override_creds")
int BPF_PROG(yett_uring_override_creds, const struct cred* credentials, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_IO_URING, 0);
}

SEC("lsm/uring_sqpoll")
int BPF_PROG(yett_uring_sqpoll, int ret) { return ret ? ret : use_kernel(YETT_HOOK_IO_URING, 0); }

SEC("lsm/uring_cmd")
int BPF_PROG(yett_uring_cmd, struct io_uring_cmd* command, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_IO_URING, 0);
}

/* 6.16 and later. */
SEC("lsm/uring_allowed")
int BPF_PROG(yett_uring_allowed, int ret) { return ret ? ret : use_kernel(YETT_HOOK_IO_URING, 0); }

SEC("lsm/userns_create")
int BPF_PROG(yett_userns_create, const struct cred* credentials, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_USER_NAMESPACE, 0);
}

SEC("lsm/key_alloc")
int BPF_PROG(yett_key_alloc, struct key* key, const struct cred* credentials, unsigned long flags,
             int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_KEY, 0);
}

SEC("lsm/key_permission")
int BPF_PROG(yett_key_permission, unsigned long key, const struct cred* credentials,
             unsigned int need, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_KEY, need);
}

/* Also the modules that the kernel would load on a task's behalf: an address family, a format. */
SEC("lsm/kernel_module_request")
int BPF_PROG(yett_module_request, char* name, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_MODULE, 0);
}

SEC("lsm/kernel_load_data")
int BPF_PROG(yett_load_data, unsigned int id, bool contents, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_MODULE, id);
}

SEC("lsm/kernel_read_file")
int BPF_PROG(yett_read_file, struct file* file, unsigned int id, bool contents, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_MODULE, id);
}

SEC("lsm/syslog")
int BPF_PROG(yett_syslog, int type, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_KERNEL_LOG, type);
}

SEC("lsm/settime")
int BPF_PROG(yett_settime, const void* time, const void* zone, int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_CLOCK, 0);
}

SEC("lsm/quotactl")
int BPF_PROG(yett_quotactl, int commands, int type, int id, struct super_block* filesystem,
             int ret) {
  return ret ? ret : use_kernel(YETT_HOOK_QUOTA, commands);
}

/* SECURITY(terminal_injection): 32 bits, as the kernel reads the command. */
SEC("lsm/file_ioctl")
int BPF_PROG(yett_file_ioctl, struct file* file, unsigned int command, unsigned long argument,
             int ret) {
  if (ret) return ret;
  if (command != TIOCSTI && command != TIOCLINUX) return 0;
  return use_kernel(YETT_HOOK_TERMINAL, command);
}

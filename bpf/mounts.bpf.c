/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The mount tree is the main file policy, so a sandbox may not touch it once it is labelled.
 */
#include "emit.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int change_mounts(__u16 hook) {
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  if (!refuses(&subject, YETT_REFUSE_MOUNTS)) return 0;
  struct refusal refusal = {.hook = hook, .reason = YETT_REASON_GROUP, .error = -EPERM};
  return refuse(&subject, refusal);
}

SEC("lsm/sb_mount")
int BPF_PROG(yett_sb_mount, const char* device, const struct path* path, const char* type,
             unsigned long flags, void* data, int ret) {
  return ret ? ret : change_mounts(YETT_HOOK_MOUNT);
}

SEC("lsm/move_mount")
int BPF_PROG(yett_move_mount, const struct path* from, const struct path* to, int ret) {
  return ret ? ret : change_mounts(YETT_HOOK_MOUNT);
}

SEC("lsm/sb_umount")
int BPF_PROG(yett_sb_umount, struct vfsmount* mount, int flags, int ret) {
  return ret ? ret : change_mounts(YETT_HOOK_MOUNT);
}

SEC("lsm/sb_remount")
int BPF_PROG(yett_sb_remount, struct super_block* filesystem, void* options, int ret) {
  return ret ? ret : change_mounts(YETT_HOOK_MOUNT);
}

/* fsmount(2) of a new file system: it ends here, before the mount has a descriptor. */
SEC("lsm/sb_kern_mount")
int BPF_PROG(yett_sb_kern_mount, struct super_block* filesystem, int ret) {
  return ret ? ret : change_mounts(YETT_HOOK_MOUNT);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(yett_sb_pivotroot, const struct path* from, const struct path* to, int ret) {
  return ret ? ret : change_mounts(YETT_HOOK_MOUNT);
}

SEC("lsm/path_chroot")
int BPF_PROG(yett_path_chroot, const struct path* path, int ret) {
  return ret ? ret : change_mounts(YETT_HOOK_CHROOT);
}

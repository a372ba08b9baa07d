/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * From a directory entry up to the root of its mount, looking for a rule root. The walk goes over
 * the kernel's own dentries: nothing a task can rewrite. It does not cross mounts: user space tags
 * the root of every mount that lies below a rule's path, and a sandbox cannot make mounts.
 */
#ifndef YETT_BPF_WALK_H
#define YETT_BPF_WALK_H

#include "emit.bpf.h"

/* 0, or the reason why no root with `bit` stands above. */
static __always_inline __u16 walk(struct dentry* dentry, struct vfsmount* mount, __u32 policy,
                                  __u32 bit) {
  struct dentry* top = mount->mnt_root;
  struct yett_root_key key = {.policy = policy};
#pragma clang loop unroll(disable)
  for (int level = 0; level < YETT_WALK_LEVELS; level++) {
    if (!dentry) return YETT_REASON_NOT_BELOW;
    struct inode* inode = dentry->d_inode;
    if (inode) {
      const __u64* tag = bpf_inode_storage_get(&yett_tags, inode, 0, 0);
      if (tag) {
        key.tag = *tag;
        const __u32* bits = bpf_map_lookup_elem(&yett_roots, &key);
        if (bits && (*bits & bit)) return 0;
      }
    }
    if (dentry == top) return YETT_REASON_NOT_BELOW;
    struct dentry* parent = dentry->d_parent;
    if (parent == dentry) return YETT_REASON_NOT_BELOW;
    dentry = parent;
  }
  /* SECURITY(long_path): what cannot be walked to its end is denied. */
  count_globally(YETT_COUNT_TOO_DEEP);
  return YETT_REASON_TOO_DEEP;
}

/* A mount in no namespace: memfds, and the private mounts through which overlayfs opens its layers.
 * No task can name a path through one (ERR_PTR(-EINVAL), fs/mount.h: MNT_NS_INTERNAL). */
static __always_inline bool is_kernel_mount(struct vfsmount* mount) {
  struct mount* whole = (void*)mount - bpf_core_field_offset(struct mount, mnt);
  return (long)BPF_CORE_READ(whole, mnt_ns) == -EINVAL;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What may become code: by execve, by mapping, by making a mapping executable.
 *
 * "The sandbox cannot have written it" is held by structure first: executable bytes come from a
 * read-only mount, a read-only file system, or a lower layer of an overlay. Marks on inodes that a
 * sandbox opened for writing come second, for a tree that is mounted both ways; alone they would
 * not do, because the kernel forgets an inode of a disk file system under memory pressure.
 */
#include "walk.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern int LINUX_KERNEL_VERSION __kconfig;

/* The file of the layer below an open overlay file: private_data, since 6.13 within a struct that
 * begins with it. */
static __always_inline struct inode* layer_inode(struct file* file) {
  void* real = file->private_data;
  if (LINUX_KERNEL_VERSION >= 0x060d00) bpf_probe_read_kernel(&real, sizeof(real), real);
  return BPF_CORE_READ((struct file*)real, f_inode);
}

/* True: the bytes are of the writable layer. Unknown layouts count as written. */
static __always_inline bool is_upper_layer(struct file* file) {
  if (!bpf_core_type_exists(struct ovl_inode)) return 1;
  struct ovl_inode* overlay =
      (void*)file->f_inode - bpf_core_field_offset(struct ovl_inode, vfs_inode);
  struct inode* upper = BPF_CORE_READ(overlay, __upperdentry, d_inode);
  struct inode* real = layer_inode(file);
  return !real || real == upper;
}

/* Not one of the mounts that say "nobody writes here". */
static __always_inline bool is_writable_place(struct file* file) {
  if (file->f_path.mnt->mnt_flags & MNT_READONLY) return 0;
  struct super_block* filesystem = file->f_inode->i_sb;
  if (filesystem->s_magic == OVERLAYFS_SUPER_MAGIC) return is_upper_layer(file);
  return !(filesystem->s_flags & SB_RDONLY);
}

static __always_inline bool is_marked_written(const struct subject* subject, struct inode* inode) {
  const struct yett_written* written = bpf_inode_storage_get(&yett_written_by, inode, 0, 0);
  return written && (!written->policy || (written->policy == subject->label.policy &&
                                          written->generation == subject->label.generation));
}

/* Memory with a file's face: memfd, hugetlbfs, System V segments. */
static __always_inline bool is_memory_file(struct file* file) {
  return (file->f_path.mnt->mnt_flags & MNT_INTERNAL) ||
         file->f_inode->i_sb->s_magic == HUGETLBFS_MAGIC;
}

/* 0, or the reason against `file` becoming code. */
static __always_inline __u16 code_reason(const struct subject* subject, struct file* file) {
  if (!subject->policy) return YETT_REASON_NO_POLICY;
  __u32 flags = subject->policy->flags;
  /* SECURITY(memfd_exec) */
  if (is_memory_file(file)) return flags & YETT_REFUSE_EXEC_OF_MEMORY ? YETT_REASON_MEMORY_FILE : 0;
  /* SECURITY(exec_of_written) */
  if ((flags & YETT_REFUSE_EXEC_OF_WRITTEN) &&
      (is_writable_place(file) || is_marked_written(subject, file->f_inode)))
    return YETT_REASON_WRITTEN;
  return 0;
}

/* 0, or the reason against starting `file` as a program. Rules on exec speak of programs, not of
 * the libraries they map: the same as Landlock's execute right, which holds them elsewhere. */
static __always_inline __u16 exec_reason(const struct subject* subject, struct file* file) {
  __u16 reason = code_reason(subject, file);
  if (reason || !subject->policy || !(subject->policy->flags & YETT_RESTRICT_EXEC)) return reason;
  return walk(file->f_path.dentry, file->f_path.mnt, subject->label.policy, YETT_ROOT_EXEC);
}

static __always_inline int check_code(const struct subject* subject, struct file* file,
                                      __u16 hook) {
  struct refusal refusal = {.hook = hook, .error = -EACCES};
  refusal.reason = code_reason(subject, file);
  return refusal.reason ? refuse_entry(subject, refusal, file->f_path.dentry) : 0;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(yett_bprm_check, struct linux_binprm* bprm, int ret) {
  if (ret) return ret;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct refusal refusal = {.hook = YETT_HOOK_EXEC, .error = -EACCES};
  refusal.reason = exec_reason(&subject, bprm->file);
  return refusal.reason ? refuse_file(&subject, refusal, bprm->file) : 0;
}

SEC("lsm/mmap_file")
int BPF_PROG(yett_mmap_file, struct file* file, unsigned long requested, unsigned long protection,
             unsigned long flags, int ret) {
  if (ret) return ret;
  if (!(protection & PROT_EXEC) || is_null_argument(ctx, 0)) return 0; /* anonymous memory */
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  return check_code(&subject, file, YETT_HOOK_MMAP_EXEC);
}

SEC("lsm/file_mprotect")
int BPF_PROG(yett_file_mprotect, struct vm_area_struct* area, unsigned long requested,
             unsigned long protection, int ret) {
  if (ret) return ret;
  if (!(protection & PROT_EXEC)) return 0;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct file* file = area->vm_file;
  if (!file) return 0;
  return check_code(&subject, file, YETT_HOOK_MPROTECT_EXEC);
}

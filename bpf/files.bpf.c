/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Writes and changes of the file tree: only below the roots that the policy names, by whatever way
 * the object is reached (O_PATH and reopen, truncate, link, rename: all end in these hooks).
 * Reading is the mount tree's business: what is not mounted cannot be opened.
 */
#include "walk.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* File systems whose regular files are kernel interfaces, held by masks and read-only mounts. */
static __always_inline bool is_interface(struct inode* inode) {
  unsigned long magic = inode->i_sb->s_magic;
  return magic == PROC_SUPER_MAGIC || magic == MQUEUE_MAGIC;
}

static __always_inline __u16 write_reason(const struct subject* subject, struct dentry* dentry,
                                          struct vfsmount* mount) {
  if (!subject->policy) return YETT_REASON_NO_POLICY;
  if (!(subject->policy->flags & YETT_RESTRICT_WRITE)) return 0;
  return walk(dentry, mount, subject->label.policy, YETT_ROOT_WRITE);
}

/* Remembers that this sandbox writes `inode`. False: no memory for it. */
static __always_inline bool remember_writer(const struct subject* subject, struct inode* inode) {
  struct yett_written fresh = {.policy = subject->label.policy,
                               .generation = subject->label.generation};
  struct yett_written* known =
      bpf_inode_storage_get(&yett_written_by, inode, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!known) return 0;
  if (known->policy != fresh.policy || known->generation != fresh.generation) known->policy = 0;
  return 1;
}

/* SECURITY(set-ids): a second layer behind the filter, which sees the modes of calls that it knows.
 */
static __always_inline bool gives_set_id(const struct subject* subject, __u32 mode) {
  return (mode & (S_ISUID | S_ISGID)) && refuses(subject, YETT_REFUSE_SET_IDS);
}

SEC("lsm/file_open")
int BPF_PROG(yett_file_open, struct file* file, int ret) {
  if (ret) return ret;
  if (!(file->f_mode & FMODE_WRITE)) return 0;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct inode* inode = file->f_inode;
  if ((inode->i_mode & S_IFMT) != S_IFREG || is_interface(inode)) return 0;
  struct refusal refusal = {.hook = YETT_HOOK_FILE_OPEN, .error = -EACCES};
  /* No other hook sees the mode of a file that is made without a name. */
  if ((file->f_flags & __O_TMPFILE) && gives_set_id(&subject, inode->i_mode)) {
    refusal.reason = YETT_REASON_SET_ID;
    refusal.error = -EPERM;
    return refuse_file(&subject, refusal, file);
  }
  if (refuses(&subject, YETT_REFUSE_EXEC_OF_WRITTEN) && !remember_writer(&subject, inode)) {
    count_globally(YETT_COUNT_NO_TAG_MEMORY);
    refusal.reason = YETT_REASON_OUT_OF_MEMORY;
    return refuse_file(&subject, refusal, file);
  }
  if (is_kernel_mount(file->f_path.mnt)) return 0;
  /* SECURITY(write_below_roots): opening for writing, by any path. */
  refusal.reason = write_reason(&subject, file->f_path.dentry, file->f_path.mnt);
  return refusal.reason ? refuse_file(&subject, refusal, file) : 0;
}

/* A directory's content changes: `dentry` appears in or vanishes from `directory`. */
static __always_inline int change_entry(const struct path* directory, struct dentry* dentry,
                                        __u16 hook) {
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct refusal refusal = {.hook = hook, .error = -EACCES};
  refusal.reason = write_reason(&subject, directory->dentry, directory->mnt);
  return refusal.reason ? refuse_entry(&subject, refusal, dentry) : 0;
}

/* An object itself changes. */
static __always_inline int change_object(const struct path* path, __u16 hook) {
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct inode* inode = path->dentry->d_inode;
  if (inode && is_interface(inode)) return 0;
  struct refusal refusal = {.hook = hook, .error = -EACCES};
  refusal.reason = write_reason(&subject, path->dentry, path->mnt);
  return refusal.reason ? refuse_entry(&subject, refusal, path->dentry) : 0;
}

static __always_inline int refuse_set_id(struct dentry* dentry, __u32 mode, __u16 hook) {
  struct subject subject;
  if (!find_subject(&subject) || !gives_set_id(&subject, mode)) return 0;
  struct refusal refusal = {.hook = hook, .reason = YETT_REASON_SET_ID, .error = -EPERM};
  return refuse_entry(&subject, refusal, dentry);
}

/* By open with O_CREAT, too. */
SEC("lsm/path_mknod")
int BPF_PROG(yett_path_mknod, const struct path* dir, struct dentry* dentry, __u32 mode,
             unsigned int dev, int ret) {
  if (ret) return ret;
  int refused = refuse_set_id(dentry, mode, YETT_HOOK_CREATE);
  return refused ? refused : change_entry(dir, dentry, YETT_HOOK_CREATE);
}

SEC("lsm/path_mkdir")
int BPF_PROG(yett_path_mkdir, const struct path* dir, struct dentry* dentry, __u32 mode, int ret) {
  return ret ? ret : change_entry(dir, dentry, YETT_HOOK_CREATE);
}

SEC("lsm/path_symlink")
int BPF_PROG(yett_path_symlink, const struct path* dir, struct dentry* dentry, const char* target,
             int ret) {
  return ret ? ret : change_entry(dir, dentry, YETT_HOOK_CREATE);
}

SEC("lsm/path_unlink")
int BPF_PROG(yett_path_unlink, const struct path* dir, struct dentry* dentry, int ret) {
  return ret ? ret : change_entry(dir, dentry, YETT_HOOK_UNLINK);
}

SEC("lsm/path_rmdir")
int BPF_PROG(yett_path_rmdir, const struct path* dir, struct dentry* dentry, int ret) {
  return ret ? ret : change_entry(dir, dentry, YETT_HOOK_UNLINK);
}

/* Both ends, because an object keeps its inode when it moves: renamed into place from elsewhere it
 * would otherwise get the new place's rights. */
SEC("lsm/path_rename")
int BPF_PROG(yett_path_rename, const struct path* old_dir, struct dentry* old_dentry,
             const struct path* new_dir, struct dentry* new_dentry) {
  int refused = change_entry(old_dir, old_dentry, YETT_HOOK_RENAME);
  return refused ? refused : change_entry(new_dir, new_dentry, YETT_HOOK_RENAME);
}

/* SECURITY(hard_link): the linked object must itself be writable, or its new name would make it so.
 * Links do not cross mounts, so the new directory's mount is the object's too. */
SEC("lsm/path_link")
int BPF_PROG(yett_path_link, struct dentry* old_dentry, const struct path* new_dir,
             struct dentry* new_dentry, int ret) {
  if (ret) return ret;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct refusal refusal = {.hook = YETT_HOOK_LINK, .error = -EACCES};
  refusal.reason = write_reason(&subject, old_dentry, new_dir->mnt);
  if (!refusal.reason) refusal.reason = write_reason(&subject, new_dir->dentry, new_dir->mnt);
  return refusal.reason ? refuse_entry(&subject, refusal, old_dentry) : 0;
}

SEC("lsm/path_truncate")
int BPF_PROG(yett_path_truncate, const struct path* path, int ret) {
  return ret ? ret : change_object(path, YETT_HOOK_TRUNCATE);
}

/* 6.2 and later: what ftruncate and O_TRUNC call instead of path_truncate. */
SEC("lsm/file_truncate")
int BPF_PROG(yett_file_truncate, struct file* file, int ret) {
  if (ret) return ret;
  if (is_kernel_mount(file->f_path.mnt)) return 0;
  return change_object(&file->f_path, YETT_HOOK_TRUNCATE);
}

SEC("lsm/path_chmod")
int BPF_PROG(yett_path_chmod, const struct path* path, __u32 mode, int ret) {
  if (ret) return ret;
  int refused = refuse_set_id(path->dentry, mode, YETT_HOOK_CHANGE_OWNER_OR_MODE);
  return refused ? refused : change_object(path, YETT_HOOK_CHANGE_OWNER_OR_MODE);
}

SEC("lsm/path_chown")
int BPF_PROG(yett_path_chown, const struct path* path, __u64 uid, __u64 gid, int ret) {
  return ret ? ret : change_object(path, YETT_HOOK_CHANGE_OWNER_OR_MODE);
}

/* SECURITY(received_directory): a directory of another mount tree, passed in over a socket, would
 * be a way out of the root. */
SEC("lsm/file_receive")
int BPF_PROG(yett_file_receive, struct file* file, int ret) {
  if (ret) return ret;
  struct subject subject;
  if (!find_subject(&subject)) return 0;
  struct inode* inode = file->f_inode;
  if ((inode->i_mode & S_IFMT) != S_IFDIR) return 0;
  struct mount* whole = (void*)file->f_path.mnt - bpf_core_field_offset(struct mount, mnt);
  struct task_struct* task = bpf_get_current_task_btf();
  if (subject.policy && BPF_CORE_READ(whole, mnt_ns) == BPF_CORE_READ(task, nsproxy, mnt_ns))
    return 0;
  struct refusal refusal = {
      .hook = YETT_HOOK_FILE_RECEIVE, .reason = YETT_REASON_OUTSIDE, .error = -EACCES};
  return refuse_file(&subject, refusal, file);
}

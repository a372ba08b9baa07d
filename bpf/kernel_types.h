/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The few fields of kernel structures that our programs read. CO-RE puts in the running kernel's
 * offsets at load time, so order and size here mean nothing; names and types must be the kernel's.
 */
#ifndef YETT_BPF_KERNEL_TYPES_H
#define YETT_BPF_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>

typedef _Bool bool;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
  __u32 len;
  const unsigned char* name;
};

struct super_block {
  __u32 s_dev;
  unsigned long s_flags;
  unsigned long s_magic;
};

struct inode {
  __u16 i_mode;
  struct super_block* i_sb;
};

struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
  struct inode* d_inode;
};

struct vfsmount {
  struct dentry* mnt_root;
  int mnt_flags;
};

struct mnt_namespace;

struct mount {
  struct vfsmount mnt;
  struct mnt_namespace* mnt_ns;
};

struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};

struct file {
  struct path f_path;
  struct inode* f_inode;
  __u32 f_mode;
  unsigned int f_flags;
  void* private_data;
};

/* fs/overlayfs; from the module's own BTF. */
struct ovl_inode {
  struct inode vfs_inode;
  struct dentry* __upperdentry;
};

struct linux_binprm {
  struct file* file;
};

struct vm_area_struct {
  struct file* vm_file;
};

struct nsproxy {
  struct mnt_namespace* mnt_ns;
};

struct task_struct {
  struct nsproxy* nsproxy;
};

struct in6_addr {
  __u8 bytes[16];
};

struct sock_common {
  __u16 skc_num;
  __u16 skc_family;
  unsigned char skc_ipv6only : 1;
  __be32 skc_rcv_saddr;
  struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
};

struct socket {
  short type;
  struct sock* sk;
};

struct msghdr {
  void* msg_name;
  int msg_namelen;
  void* msg_control;
  unsigned long msg_controllen;
};

/* Only ever named by pointer. */
struct bpf_map;
struct bpf_prog;
struct key;
struct cred;
struct io_uring_cmd;
struct kernel_siginfo;

#pragma clang attribute pop

/* Addresses as the system call layer copied them; a fixed interface, so no relocation. */
struct sockaddr {
  __u16 sa_family;
  char sa_data[14];
};

struct socket_address {
  __u16 family;
  __be16 port;
  union {
    __be32 v4;
    struct {
      __be32 flow;
      __u8 v6[16];
    };
  };
};

/* One control message; a fixed interface too. */
struct control_header {
  __u64 length;
  __s32 level;
  __s32 type;
};

/* Kernel constants that are macros, hence in no BTF. All are old and stable. */
#define FMODE_WRITE 0x2
#define MNT_READONLY 0x40
#define MNT_INTERNAL 0x4000
#define SB_RDONLY 1
#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_ISUID 0004000
#define S_ISGID 0002000
#define __O_TMPFILE 020000000
#define S_IFDIR 0040000
#define PROT_EXEC 4
#define VM_EXEC 4
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define EPERM 1
#define EACCES 13
#define ENOMEM 12
#define EINVAL 22
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define PROC_SUPER_MAGIC 0x9fa0
#define MQUEUE_MAGIC 0x19800202
#define HUGETLBFS_MAGIC 0x958458f6
#define TIOCSTI 0x5412
#define TIOCLINUX 0x541C
#define ETH_P_IP 0x0800
#define INADDR_LOOPBACK 0x7f000001
#define IPPROTO_IP 0
#define IPPROTO_HOPOPTS 0
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_IPV6 41
#define IP_RETOPTS 7
#define IPV6_2292RTHDR 5
#define IPV6_RTHDR 57

#endif

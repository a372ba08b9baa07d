/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What the kernel programs of bpf/ tell user space about a refusal, through a ring buffer.
 */
#ifndef YETT_IOCTL_UAPI_LSM_EVENT_H
#define YETT_IOCTL_UAPI_LSM_EVENT_H

#include <linux/types.h>

/* The hook that refused. Names for people: lsm_hook_name() in supervisor/lsm. */
enum yett_hook {
  YETT_HOOK_FILE_OPEN = 1,
  YETT_HOOK_CREATE,
  YETT_HOOK_UNLINK,
  YETT_HOOK_RENAME,
  YETT_HOOK_LINK,
  YETT_HOOK_TRUNCATE,
  YETT_HOOK_CHANGE_OWNER_OR_MODE,
  YETT_HOOK_FILE_RECEIVE,
  YETT_HOOK_EXEC,
  YETT_HOOK_MMAP_EXEC,
  YETT_HOOK_MPROTECT_EXEC,
  YETT_HOOK_SOCKET,
  YETT_HOOK_CONNECT,
  YETT_HOOK_BIND,
  YETT_HOOK_LISTEN,
  YETT_HOOK_SEND,
  YETT_HOOK_PTRACE,
  YETT_HOOK_SIGNAL,
  YETT_HOOK_MOUNT,
  YETT_HOOK_CHROOT,
  YETT_HOOK_USER_NAMESPACE,
  YETT_HOOK_BPF,
  YETT_HOOK_PERF_EVENT,
  YETT_HOOK_IO_URING,
  YETT_HOOK_KEY,
  YETT_HOOK_MODULE,
  YETT_HOOK_KERNEL_LOG,
  YETT_HOOK_CLOCK,
  YETT_HOOK_QUOTA,
  YETT_HOOK_TERMINAL,
  YETT_HOOK_DEVICE,
  YETT_HOOK_PACKET,
  YETT_HOOK_RECEIVE, /* `detail`: yett_direction of the rule that is missing */
  YETT_HOOK_COUNT
};

/* Why. */
enum yett_reason {
  YETT_REASON_GROUP = 1,      /* the whole group of hooks is refused */
  YETT_REASON_NO_POLICY,      /* the label has no valid entry */
  YETT_REASON_NOT_BELOW,      /* no root with the right above the object */
  YETT_REASON_TOO_DEEP,       /* more levels than a walk may take */
  YETT_REASON_WRITTEN,        /* the sandbox wrote it, or could have */
  YETT_REASON_MEMORY_FILE,    /* memfd or the like */
  YETT_REASON_NO_ENDPOINT,    /* no rule for this address and port */
  YETT_REASON_OUTSIDE,        /* the other task is not of this sandbox */
  YETT_REASON_OUT_OF_MEMORY,  /* could not be remembered, so not allowed */
  YETT_REASON_PACKET_OPTIONS, /* could lead elsewhere than to the address that was decided on */
  YETT_REASON_SET_ID,         /* the mode has a set-uid or set-gid bit */
};

#define YETT_EVENT_OBJECT_BYTES 192

struct yett_event {
  __u64 time_ns; /* CLOCK_MONOTONIC */
  __u32 policy;
  __u32 generation;
  __u32 pid;    /* thread group, in the initial pid namespace; 0: a packet, which is nobody's */
  __s32 error;  /* negative errno that was given */
  __u16 hook;   /* yett_hook */
  __u16 reason; /* yett_reason */
  __u16 family; /* AF_*, 0: not about an endpoint */
  __u16 port;   /* host byte order */
  __u8 address[16];
  __u32 detail; /* the signal, the socket family, the bpf command... by hook */
  __u8 protocol;
  __u8 padding[3];
  char comm[16];
  char object[YETT_EVENT_OBJECT_BYTES]; /* path or name, ended by NUL; empty: none */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What user space tells the kernel programs of bpf/: labels, policy entries, rules. Plain C with
 * fixed widths and explicit padding, because both sides compile it; tests/uapi compares the sizes
 * and offsets with the BTF of the built objects.
 */
#ifndef YETT_IOCTL_UAPI_LSM_POLICY_H
#define YETT_IOCTL_UAPI_LSM_POLICY_H

#include <linux/types.h>

/* On each task of a sandbox (task storage). The generation keeps a label of a removed entry from
 * ever meeting a younger entry that got the same id. */
struct yett_label {
  __u32 policy;
  __u32 generation;
};

/* What a policy entry refuses; one bit for each group of hooks. */
enum yett_policy_flag {
  YETT_REFUSE_MOUNTS = 1u << 0,          /* mount, umount, move, pivot_root, chroot */
  YETT_REFUSE_KERNEL = 1u << 1,          /* bpf, perf, io_uring, user namespaces, keys, modules */
  YETT_REFUSE_OUTSIDE_TASKS = 1u << 2,   /* ptrace of and signals to tasks of another label */
  YETT_REFUSE_ODD_SOCKETS = 1u << 3,     /* families other than UNIX, INET, INET6 */
  YETT_REFUSE_NETWORK = 1u << 4,         /* every INET and INET6 endpoint */
  YETT_RESTRICT_CONNECT = 1u << 5,       /* only endpoints with YETT_CONNECT */
  YETT_RESTRICT_LISTEN = 1u << 6,        /* only endpoints with YETT_LISTEN */
  YETT_RESTRICT_WRITE = 1u << 7,         /* writes only below roots with YETT_ROOT_WRITE */
  YETT_RESTRICT_EXEC = 1u << 8,          /* exec only below roots with YETT_ROOT_EXEC */
  YETT_REFUSE_EXEC_OF_WRITTEN = 1u << 9, /* exec only what the sandbox cannot have written */
  YETT_REFUSE_EXEC_OF_MEMORY = 1u << 10, /* memfd and other files without a file system */
  YETT_REFUSE_SET_IDS = 1u << 11,        /* set-uid and set-gid bits of files */
  YETT_POLICY_FLAGS_ALL = (1u << 12) - 1,
};

#define YETT_POLICY_MAGIC 0x59455454u /* "YETT" */
#define YETT_NO_EVENT_SLOT 0xffffffffu
#define YETT_CANARY_POLICY 1u /* the entry that only the canary's throw-away child wears */

/* One sandbox's entry. Anything malformed (magic, unknown flags) is read as "deny all". */
struct yett_policy {
  __u32 magic;
  __u32 generation;
  __u32 flags;       /* yett_policy_flag */
  __u32 event_slot;  /* index of its ring buffer, or YETT_NO_EVENT_SLOT */
  __u32 owner_pid;   /* the supervisor: entries of dead ones are swept */
  __u32 rules;       /* which of the endpoint rules are in force: those with this number */
  __u64 owner_start; /* start time of owner_pid in clock ticks: field 22 of /proc/PID/stat */
};

/* A directory (or file) named by a rule: its inode carries `tag` (inode storage, shared by all
 * policies); what it means to one policy stands under {policy, tag}. */
struct yett_root_key {
  __u32 policy;
  __u32 padding;
  __u64 tag;
};

enum yett_root_bit {
  YETT_ROOT_WRITE = 1u << 0,
  YETT_ROOT_EXEC = 1u << 1,
};

/* On an inode that a sandbox opened for writing (inode storage): whose bytes these are. */
struct yett_written {
  __u32 policy; /* 0: several wrote, so nobody of them may execute it */
  __u32 generation;
};

/* Network rules: longest prefix over {policy, direction and protocol, address}. The value holds
 * every port range allowed at that prefix, those of shorter prefixes included, so one look-up
 * answers. IPv4 addresses are kept as ::ffff:a.b.c.d. */
enum yett_direction { YETT_CONNECT = 1, YETT_LISTEN = 2 };

struct yett_endpoint_key {
  __u32 prefix_length; /* in bits, counted from `policy` */
  __u32 policy;
  __u8 direction; /* yett_direction */
  __u8 protocol;  /* IPPROTO_TCP, IPPROTO_UDP */
  __u8 rules;     /* number of the set that they belong to: a later set is written beside it */
  __u8 padding;
  __u8 address[16];
};
#define YETT_ENDPOINT_FIXED_BITS 64 /* policy, direction, protocol, padding */

#define YETT_PORT_RANGES 16
struct yett_port_range {
  __u16 first; /* host byte order, inclusive */
  __u16 last;
};
struct yett_endpoint_value {
  __u32 count;
  struct yett_port_range ranges[YETT_PORT_RANGES];
};

/* What a sandbox's cgroup programs do: one entry, theirs alone. */
enum yett_cgroup_flag {
  YETT_CGROUP_ARMED = 1u << 0, /* absent: the entry was never written, so deny */
  YETT_CGROUP_NETWORK = 1u << 1,
  YETT_CGROUP_DEVICES = 1u << 2,
};
struct yett_cgroup_policy {
  __u32 flags; /* yett_cgroup_flag */
  __u32 rules; /* of the endpoint keys: at most 255, so that changing it is one byte's store */
};

/* Per policy. */
struct yett_counts {
  __u64 refused;
  __u64 lost_events;
};

/* Of the whole set of programs (per-CPU array). */
enum yett_global_count {
  YETT_COUNT_NO_POLICY = 0,   /* a label without a valid entry: denied */
  YETT_COUNT_NO_LABEL_MEMORY, /* a fork refused because it could not inherit its label */
  YETT_COUNT_NO_TAG_MEMORY,   /* a write refused because it could not be remembered */
  YETT_COUNT_TOO_DEEP,        /* a path with more levels than a walk may take: denied */
  YETT_GLOBAL_COUNTS
};

/* Levels a walk takes before it gives up and denies. */
#define YETT_WALK_LEVELS 128
/* Ring buffers, handed to the sandboxes with policy entries; later sandboxes have none. */
#define YETT_EVENT_SLOTS 64
#define YETT_EVENT_RING_BYTES 32768

#endif

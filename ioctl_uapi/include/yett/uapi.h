/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program inside a sandbox may ask of its supervisor: ioctl(2) on /dev/yett.
 *
 *     #include <yett/uapi.h>
 *     int yett = open("/dev/yett", O_RDWR | O_CLOEXEC);
 *     struct yett_info info = {.size = sizeof info};
 *     if (ioctl(yett, YETT_INFO, &info) == 0) puts(info.sandbox);
 *
 * The file is there in every sandbox that has a supervisor and needs no right to open. It gives its
 * holder nothing: what is answered depends on who asks. The supervisor reads each argument once, as
 * the kernel would, and never acts on what it has not copied.
 *
 * Structs grow at their end. `size` is the caller's sizeof, as for clone3(2): a supervisor that
 * knows more fills, or reads as 0, what the caller has; one that knows less wants the rest to be 0
 * and says E2BIG where it is not. What is given back has the supervisor's own size in `size`.
 *
 * Errors of every command: ENOTTY no such command, or the file is not /dev/yett; EFAULT a bad
 * pointer; EINVAL `size` is smaller than the first version's, or a field that must be 0 is not;
 * E2BIG as above; EIO the supervisor failed, or the memory took too long.
 */
#ifndef YETT_UAPI_H
#define YETT_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define YETT_DEVICE "/dev/yett"
#define YETT_UAPI_VERSION 1
#define YETT_UAPI_MAGIC 'Y'

/* The largest struct of any version: more is E2BIG without a look. */
#define YETT_STRUCT_MAX 4096
/* The longest text of YETT_LOG, in bytes. */
#define YETT_LOG_MAX 512

/* Who and under what. Answered in every sandbox. */
struct yett_info {
  __u32 size;
  __u32 version;  /* YETT_UAPI_VERSION of the supervisor */
  __u64 commands; /* bit n is set: the command of number n (_IOC_NR) is answered here */
  char sandbox[64];
  char policy[64];        /* its name, cut where it is longer */
  char policy_sha256[72]; /* of the policy as it was understood; hex */
  char mode[16];          /* "full", "rootless", "fallback" */
};
#define YETT_INFO_SIZE_1 232
#define YETT_INFO _IO(YETT_UAPI_MAGIC, 1) /* struct yett_info *, given back */

/* What the sandbox uses, all its processes together. Answered in every sandbox; 10 ms old at most.
 */
struct yett_stat {
  __u32 size;
  __u32 reserved;      /* 0 */
  __u64 uptime_ns;     /* since the supervisor began to answer */
  __u64 memory_bytes;  /* 0: not counted, for the sandbox has no cgroup */
  __u64 memory_limit;  /* 0: none */
  __u64 process_count; /* 0: not counted */
  __u64 process_limit; /* 0: none */
};
#define YETT_STAT_SIZE_1 48
#define YETT_STAT _IO(YETT_UAPI_MAGIC, 2) /* struct yett_stat *, given back */

/* A line for the audit log, marked as the program's own words; bytes that are no text are escaped.
 * The same text within a second is counted, not written again. EMSGSIZE: longer than YETT_LOG_MAX,
 * or empty. Succeeds where no log is kept, too. */
struct yett_log {
  __u32 size;
  __u32 text_size; /* bytes */
  __u64 text;      /* the address; need not end with NUL */
};
#define YETT_LOG_SIZE_1 16
#define YETT_LOG _IO(YETT_UAPI_MAGIC, 3) /* const struct yett_log * */

/* Sandboxes of one's own: for programs that were started by `yett uapi-shell`; YETT_INFO tells.
 *
 *     int id = ioctl(yett, YETT_CREATE, "/roots/alpine");
 *     if (fork() == 0) {
 *       ioctl(yett, YETT_ADD_SELF, id);
 *       execl("/bin/sh", "sh", NULL);
 *     }
 *     ioctl(yett, YETT_REMOVE, id);
 *
 * CREATE takes a directory that the caller sees, read-only, as the root of a new sandbox, and gives
 * its number, from 1. EACCES: it is not on a read-only mount of the host's, the caller may write it
 * by another of its mounts, or something is mounted below it; ELOOP: there is a link on the way;
 * EINVAL: not absolute, or with . or ..; EAGAIN: too many.
 *
 * ADD_SELF changes nothing yet. What the calling thread then executes by execve(2) is executed in
 * the sandbox, with the caller's standard input, output and error, arguments and environment; the
 * name of the program is argv[0]. The caller waits for it and ends with its exit status (128 + n:
 * signal n ended it); when the caller is killed, so is the program. Between the two, making
 * processes is EPERM, and execveat(2). Each program has the sandbox's root for itself, over an
 * empty upper layer; what it writes is gone with it. ENOENT: no such sandbox; EPERM: the caller is
 * traced.
 *
 * Each program has the limits of the caller's whole sandbox for itself, beside it. A directory that
 * is another one than at CREATE when the program begins: the caller ends with 126.
 *
 * REMOVE kills what runs in the sandbox and forgets it. ENOENT: no such sandbox. */
#define YETT_CREATE _IO(YETT_UAPI_MAGIC, 16)   /* const char * */
#define YETT_ADD_SELF _IO(YETT_UAPI_MAGIC, 17) /* int */
#define YETT_REMOVE _IO(YETT_UAPI_MAGIC, 18)   /* int */

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program may ask of a supervisor: from inside by ioctl(2) on /dev/yett, from outside over a
 * socket (see struct yett_frame at the end).
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

/* A filter that narrows the caller's own policy, for the calling thread to install, and so for what
 * it begins from then on (yett_restrict_self of yett/restrict.h does both; nobody else can install
 * it). Answered where the policy allows seccomp(2); YETT_INFO tells.
 *
 * `policy` is the text of a policy that has [syscalls] deny and no other rule: those calls are
 * EPERM from then on, without a record. EOPNOTSUPP: it has a rule that no thread can take upon
 * itself alone, and nothing is narrowed; EINVAL: it is no policy. `problem` says which and why.
 * EMSGSIZE: longer than YETT_POLICY_MAX, or empty; ENOSPC: the filter has filter_length
 * instructions, and there is no room. EOPNOTSUPP over a socket. */
struct yett_restrict {
  __u32 size;
  __u32 policy_size;   /* bytes */
  __u64 policy;        /* the address; need not end with NUL */
  __u64 filter;        /* the address of an array of struct sock_filter, which is filled */
  __u32 filter_room;   /* its length; YETT_FILTER_MAX is enough for every policy */
  __u32 filter_length; /* given back */
  char problem[128];   /* given back */
};
#define YETT_RESTRICT_SIZE_1 160
#define YETT_RESTRICT_SELF _IO(YETT_UAPI_MAGIC, 4) /* struct yett_restrict * */
#define YETT_POLICY_MAX 16384
#define YETT_FILTER_MAX 1024

/* A file of the host's, asked of whoever answers for the sandbox, as an open of it would be under
 * [on] violation = "ask": for programs whose own call asks nobody (openat2, O_CREAT), or that want
 * to wait a shorter time. Gives the number of a new descriptor.
 *
 * The file is a regular one, by its own absolute path on the host; whether the sandbox has
 * something of that name is not looked at. EACCES: the answer is no, or none came in time; ENOENT:
 * there is nothing to ask about, for it is not there, is no such file, or may not be asked for;
 * EMFILE: no number is free; EINVAL, ENAMETOOLONG: the path is not absolute, or too long. ENOTTY:
 * this sandbox's policy does not ask; YETT_INFO tells. */
struct yett_grant {
  __u32 size;
  __u32 kind;       /* YETT_GRANT_FILE */
  __u64 text;       /* the address of the path, which ends with NUL */
  __u32 flags;      /* YETT_GRANT_READ, WRITE, or both; and CLOEXEC */
  __u32 timeout_ms; /* then it is a no; 0, and more than the policy's ask_time: as that says */
};
#define YETT_GRANT_SIZE_1 24
#define YETT_GRANT_FILE 1
#define YETT_GRANT_READ 1
#define YETT_GRANT_WRITE 2
#define YETT_GRANT_CLOEXEC 4
#define YETT_REQUEST_GRANT _IO(YETT_UAPI_MAGIC, 5) /* const struct yett_grant * */

/* For programs that yettd began as a template's (`warm_fork`): the caller has done what all
 * instances have in common, and from here on instances are forks of it. The call does not return in
 * the caller, which never runs again. It returns in each instance, 0, with a sandbox identity of
 * its own: pid namespace, in which it is PID 1, and mounts, writable layers, network, cgroup,
 * session; standard input, output and error are those of who asked for it, every other descriptor
 * is closed, its working directory is the template's in its own tree. Memory is a copy of the
 * template's.
 *
 * So everything random that the template has drawn is the same in all instances, and what it has
 * computed from its own process number is wrong: mix `seed` into each generator. yett/ready.h and
 * examples/python-warm show how. A handler of pthread_atfork(3) does not run.
 *
 * EBUSY: the caller is not alone in its sandbox, has another thread or memory that it shares
 * writably with somebody, or there is a template already. ENOTTY: this sandbox is no template's;
 * YETT_INFO tells. */
struct yett_ready {
  __u32 size;
  __u32 strings_room; /* the bytes at `strings` */
  __u64 strings;      /* the address that is filled with what the instance is given: its arguments,
                       * then its environment, each with its NUL; where there is no room the instance
                       * ends. YETT_FRAME_MAX is always enough */
  __u32 argument_count;    /* given back, as the rest */
  __u32 environment_count; /* NAME=VALUE */
  __u32 strings_size;
  __u32 reserved; /* 0 */
  __u8 seed[32];  /* random bytes, which no other instance was given */
};
#define YETT_READY_SIZE_1 64
#define YETT_READY _IO(YETT_UAPI_MAGIC, 6) /* struct yett_ready * */

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

/* From outside: the same commands over a SOCK_SEQPACKET socket. A sandbox with a name has one,
 * ROOT/NAME/control (ROOT: /run/yett/oci, or `yett run --root`), which answers INFO, STAT and LOG;
 * `yett uapi-shell --socket PATH` makes one that answers CREATE, SPAWN and REMOVE, too. Root may
 * connect, and the user who started it.
 *
 * One message is one frame: struct yett_frame, and then `size` bytes, which are the memory of the
 * call. Its argument, and the addresses within its structs, are offsets from the first of them; a
 * string is ended by NUL. The answer is a frame with the same command, sequence and argument, and
 * that memory as the command left it. Calls of one connection are answered in their order.
 *
 * A message that is no frame is answered by one with result -EPROTO (another version:
 * -EPROTONOSUPPORT) and the connection is closed. Who does not read answers is not read from any
 * more; more than a thousand calls a second wait. -EAGAIN unasked, and closed: too many
 * connections.
 *
 * CREATE takes a directory of the host: absolute, with no link on the way. ADD_SELF is EOPNOTSUPP:
 * a process of the host's cannot be moved. Sandboxes belong to their connection: its end ends them.
 */
struct yett_frame {
  __u32 magic;   /* YETT_FRAME_MAGIC */
  __u32 version; /* YETT_FRAME_VERSION */
  __u32 command;
  __u32 sequence; /* as the caller likes */
  __u64 argument; /* as ioctl(2)'s third: a number, or the offset of a struct or string */
  __u32 size;     /* bytes that follow, YETT_FRAME_MAX at most */
  __s32 result;   /* in an answer what ioctl(2) would return, or -errno; 0 in a call */
};
#define YETT_FRAME_MAGIC 0x59435446 /* "YCTF" */
#define YETT_FRAME_VERSION 1
#define YETT_FRAME_MAX 65536

/* Begins a program in a sandbox, and gives its number, from 1. Its standard input, output and error
 * are the three descriptors that come with the frame by SCM_RIGHTS; without any they are the null
 * device. ENOENT: no such sandbox, or no such file in it; EAGAIN: too many programs; EOPNOTSUPP: on
 * /dev/yett. When it has ended there comes a frame with the command YETT_ENDED, SPAWN's sequence,
 * the program's number as its argument, and as the result its exit status (128 + n: signal n ended
 * it; 126: it could not be run). */
struct yett_spawn_call {
  __u32 size;
  __s32 sandbox;
  __u32 argument_count;    /* 1 at least: the path of the program inside, then what it is given */
  __u32 environment_count; /* NAME=VALUE */
  __u64 strings;           /* the address: arguments, then the environment, each with its NUL */
  __u32 strings_size;      /* bytes, all NULs included */
  __u32 reserved;          /* 0 */
};
#define YETT_SPAWN_SIZE_1 32
#define YETT_SPAWN _IO(YETT_UAPI_MAGIC, 19) /* const struct yett_spawn_call * */
#define YETT_ENDED _IO(YETT_UAPI_MAGIC, 20) /* in frames of the supervisor's alone */

/* ---- what yettd answers besides
 * ------------------------------------------------------------------
 *
 * To yettd, root may connect, and the users that its configuration names. A sandbox belongs to the
 * user who made it: to everybody else but root there is none of that number (ENOENT), in any
 * command, list or event. Programs end with the connection that began them, as above (but see
 * YETT_TAKE); numbers of programs are the daemon's, and known to all connections of their owner.
 *
 * CREATE takes a directory of the host from root alone (else EPERM), and from everybody the name of
 * a template of the configuration that is theirs to use (else ENOENT).
 */

/* Begins what `yett run` would, of the same words without the first two, and gives its number; its
 * end is told as SPAWN's. Four descriptors come with it: standard input, output and error, and the
 * directory in which it is run. For root it is root's, for another user it has that user's rights
 * and no more. EAGAIN: too many sandboxes. */
struct yett_run {
  __u32 size;
  __u32 argument_count;
  __u32 environment_count; /* of `yett run` itself: what -e NAME takes its value from */
  __u32 strings_size;
  __u64 strings; /* as yett_spawn_call's */
};
#define YETT_RUN_SIZE_1 24
#define YETT_RUN _IO(YETT_UAPI_MAGIC, 21) /* const struct yett_run * */

/* A signal for a program: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH (the size of
 * its terminal has changed), or SIGKILL, which ends its sandbox. EINVAL: another one; ENOENT: no
 * such program. */
struct yett_signal {
  __u32 size;
  __s32 program;
  __s32 signal;
  __u32 reserved; /* 0 */
};
#define YETT_SIGNAL_SIZE_1 16
#define YETT_SIGNAL _IO(YETT_UAPI_MAGIC, 22) /* const struct yett_signal * */

/* One program, and what its sandbox uses. ENOENT: no such program, or it has ended. */
struct yett_program_info {
  __u32 size;
  __s32 program;       /* asked for; all else is given back */
  __u32 owner;         /* the user who began it */
  __s32 guard_pid;     /* PID 1 of the sandbox, on the host; 0: it has not begun yet */
  __s32 app_pid;       /* the program's; 0: not known */
  __u32 warm;          /* 1: from the pool */
  __u64 age_ns;        /* since it was asked for */
  __u64 memory_bytes;  /* 0: not counted */
  __u64 process_count; /* 0: not counted */
  __u64 refusals;
  char made_of[64];    /* the template's name, or "run", or the directory, cut */
  __u64 cpu_ns;        /* 0: not counted */
  __u64 memory_limit;  /* 0: none */
  __u64 process_limit; /* 0: none */
};
#define YETT_PROGRAM_SIZE_1 120
#define YETT_PROGRAM _IO(YETT_UAPI_MAGIC, 23) /* struct yett_program_info * */

/* The numbers of the caller's programs (root: of everybody's), in their order. */
struct yett_list {
  __u32 size;
  __s32 after;   /* those above this one; 0: from the first */
  __u64 numbers; /* the address of an array of __s32, which is filled */
  __u32 room;    /* its length */
  __u32 count;   /* given back: so many were filled; as many as `room`: there may be more */
};
#define YETT_LIST_SIZE_1 24
#define YETT_LIST _IO(YETT_UAPI_MAGIC, 24) /* struct yett_list * */

/* The same of many at once: the caller's programs (root: of everybody's), in the order of their
 * numbers, YETT_PROGRAMS_MAX in one answer at most. */
struct yett_programs {
  __u32 size;
  __s32 after;     /* those above this one; 0: from the first */
  __u64 programs;  /* the address of an array of struct yett_program_info, which is filled */
  __u32 room;      /* its length */
  __u32 each_size; /* the caller's sizeof(struct yett_program_info) */
  __u32 count;     /* given back: so many were filled; 0: there are no more */
  __u32 reserved;  /* 0 */
};
#define YETT_PROGRAMS_SIZE_1 32
#define YETT_PROGRAMS_MAX 64
#define YETT_PROGRAMS _IO(YETT_UAPI_MAGIC, 30) /* struct yett_programs * */

/* 1: frames with the command YETT_EVENT come from here on, of every program of the caller's user
 * (root: of everybody's); 0: no more. Their argument is the program's number, their memory a struct
 * yett_event_data. Who does not read loses events, and is told how many. */
#define YETT_EVENTS _IO(YETT_UAPI_MAGIC, 25) /* int */
#define YETT_EVENT _IO(YETT_UAPI_MAGIC, 26)  /* in frames of the daemon's alone */

struct yett_event_data {
  __u32 size;
  __u32 kind;     /* YETT_EVENT_* */
  __s32 value;    /* STARTED: the guard's pid; ENDED: the exit status; REFUSED: the errno; ASKED:
                   * YETT_GRANT_READ or WRITE; SETTLED: 0, a file was given, or an errno */
  __u32 owner;    /* the program's */
  __u64 count;    /* REFUSED: so many alike; LOST: so many events; ASKED, SETTLED: the question */
  char plane[24]; /* REFUSED: which plane has refused it */
  char call[32];  /* REFUSED: the system call, or hook; ASKED */
  char
      text[168]; /* REFUSED: the object, as the program chose it; ENDED: why, as "wall_time"; ASKED:
                  * the file's path, or nothing where that is longer: YETT_QUESTION tells it */
};
#define YETT_EVENT_DATA_SIZE_1 248
#define YETT_EVENT_STARTED 1 /* its program has been executed */
#define YETT_EVENT_REFUSED 2 /* alike ones within a second are told once, and then counted */
#define YETT_EVENT_ENDED 3   /* "exited", "signaled", "wall_time", "out_of_memory", ... */
#define YETT_EVENT_LOST 4
#define YETT_EVENT_ASKED 5   /* it waits for an answer: YETT_QUESTION, YETT_ANSWER */
#define YETT_EVENT_SETTLED 6 /* it does not wait any more: answered, by whom ever, or too late */

/* Under a policy with [on] violation = "ask" an open of a file that no rule shows, and
 * YETT_REQUEST_GRANT, are questions to the program's user (and to root): EVENTS tells of each, this
 * one gives the whole of it, also to who came later. Without an answer within the policy's ask_time
 * it is a no. The path is the host's, absolute, without a symbolic link or .. in it; the file is
 * held by the supervisor, and is what a yes gives, whatever becomes of the path. ENOENT: no such
 * program, or it has no question open of this number or above; EFAULT: the path has no room.
 *
 * Not of programs that a user other than root began by RUN, nor of instances of warm fork: what
 * would be a question is refused there. */
struct yett_question {
  __u32 size;
  __s32 program;  /* asked for */
  __u64 question; /* asked for: from this number on; given back: the first that is open */
  __u64 path;     /* the address, which is filled; the path's end is a NUL */
  __u32 path_room;
  __u32 access;  /* given back, as the rest: YETT_GRANT_READ or WRITE */
  __u32 left_ms; /* then it is a no */
  __s32 pid;     /* of the thread that waits, on the host */
  char comm[16]; /* its name, of its own choosing */
  char call[16];
};
#define YETT_QUESTION_SIZE_1 72
#define YETT_QUESTION_PATH_MAX 4096            /* is always room enough */
#define YETT_QUESTION _IO(YETT_UAPI_MAGIC, 28) /* struct yett_question * */

/* The first answer to a question is the last. It is handed on to the program's supervisor; what has
 * come of it the event SETTLED says. ENOENT: no such program, or no such question is open (any
 * more); EINVAL: no such answer, or a file that does not go with it; EAGAIN: the supervisor does
 * not read. */
struct yett_answer_call {
  __u32 size;
  __s32 program;
  __u64 question;
  __u32 answer;   /* YETT_ANSWER_* */
  __u32 reserved; /* 0 */
};
#define YETT_ANSWER_CALL_SIZE_1 24
#define YETT_ANSWER_DENY 1
#define YETT_ANSWER_ONCE 2
#define YETT_ANSWER_ALWAYS 3 /* and whenever this program asks for the same again */
#define YETT_ANSWER_INSTEAD                                                 \
  4 /* once, the file whose descriptor comes with the frame: a regular one, \
     * open as it was asked for (read-only, write-only, both); another is   \
     * a no */
#define YETT_ANSWER _IO(YETT_UAPI_MAGIC, 29) /* const struct yett_answer_call * */

/* Programs outlive a yettd that dies, or is replaced by a newer one, and the connections to it do
 * not. Whose program it is may connect again and take it: from then on it is this connection's, as
 * if that had begun it, and its end is told with TAKE's sequence; of one that has ended meanwhile,
 * at once. Nobody has to: who lives on without a connection is ended by its user, or with yettd.
 * ENOENT: no such program; EBUSY: it has a connection. */
#define YETT_TAKE _IO(YETT_UAPI_MAGIC, 27) /* int */

/* A function of the caller's own, in a sandbox of that number: whoever may join namespaces is root,
 * and nobody else is answered (EPERM). Gives the program's number, as SPAWN; nothing is executed.
 * One descriptor comes with it, an end of a SOCK_SEQPACKET pair, at which the sandbox's supervisor
 * then says what it takes to come in: an OFFER, and DOORS with what is left of its descriptors.
 * EOPNOTSUPP: the template is one of forks, or the sandbox has no filter to be held by.
 *
 * libyett's yett_enter() does what follows, in this order: a child of the caller's takes an
 * ordinary scheduling policy, PID 1's nice value and OOM score, and the limits, writes "0" to
 * every cgroup file, joins all namespaces of the pidfd and makes its successor with CLONE_PARENT;
 * that one is the sandbox's only process beside its PID 1, gives up all that it was not told to
 * keep, takes ids, no_new_privs, Landlock's rules and the filter, with a listener, and writes the
 * listener's number (struct yett_entering). The supervisor has taken a copy when it says TAKEN:
 * the process closes the listener and this socket, and then asks to begin by an ioctl(2) with the
 * command YETT_ENTER on no descriptor, which the filter has the supervisor answer. While it waits
 * there it is looked at whole: namespaces, root, cgroup, ids, capabilities, groups, no_new_privs,
 * filter, limits, scheduling, descriptors, threads, who else is there. 0: the function may begin,
 * and BEGUN is said; else REFUSED is, with the reason, and nothing begins. */
struct yett_limit {
  __u32 resource; /* RLIMIT_* */
  __u32 reserved; /* 0 */
  __u64 soft;
  __u64 hard;
};
#define YETT_LIMITS_MAX 16
struct yett_entrance {
  __u32 size;
  __u32 kind;  /* YETT_ENTRANCE_* */
  __s32 error; /* REFUSED: an errno */
  __u32 uid;   /* the rest of these: OFFER. Inside */
  __u32 gid;   /* inside */
  __u32 umask;
  __u32 filter_length; /* instructions */
  __u32 filter_flags;  /* SECCOMP_FILTER_FLAG_* */
  __u32 door_count;    /* descriptors that DOORS bring */
  __u32 has_ruleset;   /* 1: the first of these is Landlock's; the others are cgroup files */
  __u32 limit_count;
  __s32 nice;          /* these two: PID 1's */
  __s32 oom_score_adj; /* proc(5) */
  __u32 reserved;      /* 0 */
  struct yett_limit limits[YETT_LIMITS_MAX];
  char problem[128]; /* REFUSED: what was found */
};
#define YETT_ENTRANCE_SIZE_1 568
/* OFFER comes with a pidfd of PID 1, the filter (sealed) and the first directory; DOORS with as
 * many as one message takes, until there are door_count. */
#define YETT_ENTRANCE_OFFER 1
#define YETT_ENTRANCE_DOORS 2
#define YETT_ENTRANCE_TAKEN 3
#define YETT_ENTRANCE_BEGUN 4
#define YETT_ENTRANCE_REFUSED 5
struct yett_entering {
  __u32 size;
  __s32 listener; /* its number in the process that writes this */
};
#define YETT_ENTER _IO(YETT_UAPI_MAGIC, 31) /* int */

#endif

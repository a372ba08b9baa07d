/* SPDX-License-Identifier: Apache-2.0
 *
 * libyett: an application starts programs that it does not trust, each in a sandbox of its own.
 *
 *     struct yett_host* host;
 *     if (yett_connect("/run/manager.sock", &host) != 0) ...
 *     int sandbox = yett_create(host, "/srv/plugins");
 *     char* words[] = {"/bin/plugin", NULL};
 *     int plugin = yett_start(host, &(struct yett_program){.size = sizeof(struct yett_program),
 *                                                          .sandbox = sandbox,
 *                                                          .arguments = words,
 *                                                          .descriptors = {end, end, 2}});
 *     int status;
 *     if (yett_wait(host, plugin, 1000, &status) == -ETIMEDOUT) yett_remove(host, sandbox);
 *
 * The other end is yettd, which root may connect to and the users of its configuration; or
 * `yett uapi-shell --socket PATH`, whose options are the policy and limits of all that is started,
 * for root alone and who started it (yett/uapi.h has the protocol of both).
 *
 * C11 and libc, nothing else. No thread, no signal handler, no lock, no global state: a connection
 * belongs to one thread at a time. Every descriptor is close-on-exec; after fork(2) the child may
 * use none of its parent's connections and closes them with yett_close_in_child(). Results are 0 or
 * more, or -errno; errno itself is left alone or not, as the C library does. Errors of every call
 * that asks the other end: -EPIPE it has gone, and the sandboxes with it (but see yett_take());
 * -ETIMEDOUT it did not answer in time, what was asked may still happen, and the connection can be
 * used on; -EPROTO it speaks another language, and the connection is of no more use.
 */
#ifndef YETT_YETT_H
#define YETT_YETT_H

#include <stddef.h>
#include <yett/uapi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YETT_API __attribute__((visibility("default")))
#define YETT_GUARD_NAME_MAX 48

/* A connection; its sandboxes live as long as it does. */
struct yett_host;

/* Connects to the socket at `path`, and puts into *host what yett_disconnect() frees. -errno of
 * connect(2): -ENOENT, -ECONNREFUSED nobody is there; -EACCES not for this user; -ENAMETOOLONG. */
YETT_API int yett_connect(const char* path, struct yett_host** host);

/* Ends all of its sandboxes and what runs in them, and frees it. Nothing for NULL. */
YETT_API void yett_disconnect(struct yett_host* host);

/* In a child of fork(2): closes and frees the copy there; the parent's connection stays as it is.
 */
YETT_API void yett_close_in_child(struct yett_host* host);

/* How long each call waits for its answer at most, in milliseconds; 10,000 unless told. */
YETT_API void yett_set_patience(struct yett_host* host, int milliseconds);

/* A descriptor that is readable (poll, epoll, select) when yett_next_event() has something, or may
 * have: call that with a time-out of 0. It belongs to the connection. */
YETT_API int yett_event_fd(const struct yett_host* host);

/* Who answers, and under which policy what is started will be. `info` is filled. */
YETT_API int yett_read_info(struct yett_host* host, struct yett_info* info);

/* A new sandbox over a directory of the host, which is its read-only root below a writable layer
 * that each program has for itself; or of a template of yettd's configuration, by its name. Gives
 * its number, from 1. -EINVAL: not absolute, or with . or ..; -ELOOP: a link on the way; -ENOENT,
 * -ENOTDIR; -EPERM: directories are root's to give; -EAGAIN: too many. */
YETT_API int yett_create(struct yett_host* host, const char* directory_or_template);

/* What to begin. Nothing of it is kept. */
struct yett_program {
  size_t size;              /* of this struct, as the caller knows it */
  int sandbox;              /* of yett_create() */
  char* const* arguments;   /* the path of the program inside, what it is given, NULL */
  char* const* environment; /* NAME=VALUE, NULL; or NULL: empty */
  int descriptors[3];       /* its standard input, output and error; they stay the caller's */
};

enum yett_stdio {
  YETT_STDIO_SOCKET, /* input and output: one end of a stream socket pair; error: as given */
  YETT_STDIO_PIPES,  /* three pipes; no descriptor is read from the struct */
};

/* Begins it and gives its number, from 1. -EINVAL: `size`, or no argument; -EBADF: a descriptor;
 * -E2BIG: more than 64 KiB of strings; -ENOENT: no such sandbox, or no such file in it; -EAGAIN:
 * too many programs. That it cannot be executed is told as its end, with status 126. */
YETT_API int yett_start(struct yett_host* host, const struct yett_program* program);

/* The same with descriptors made for it. Into `ends` go the application's, close-on-exec, its own
 * to close; -1: there is none. SOCKET: {the other end, -1, -1}; PIPES: {what it reads is written
 * here, its output, its errors}. Errors: besides yett_start()'s those of socketpair(2) and pipe(2);
 * `ends` is then left as it was. */
YETT_API int yett_spawn(struct yett_host* host, const struct yett_program* program,
                        enum yett_stdio how, int ends[3]);

/* A sandbox of an application's own words, without a template: where its package lies and what is
 * put over what, as `yett run` has it. What is NULL, or 0, is not said; nothing of it is kept. */
struct yett_request {
  size_t size;          /* of this struct, as the caller knows it */
  const char* package;  /* a squashfs or EROFS file, a directory, an image's name; NULL: the
                         * host's programs */
  const char* exec_dir; /* where the package is mounted, with overlay_dirs; NULL: it is the root */
  const char* data_dir; /* a directory of the host's, writable inside at the same path */
  char* const*
      overlay_dirs;       /* the host's top directories under overlays of their own; NULL ends it */
  unsigned uid, gid;      /* of the program, inside; both 0: 1000 */
  char* const* options;   /* any other words of `yett run`: "-m", "64M", NULL */
  char* const* arguments; /* the path of the program inside, what it is given, NULL */
  char* const* environment; /* NAME=VALUE, NULL; or NULL: empty */
  int descriptors[3];       /* its standard input, output and error; they stay the caller's */
};

/* Begins it and gives its number, from 1, as yett_start(). Of yettd's alone (else -ENOTTY), and
 * with the rights that the caller has; relative paths are from its working directory. What cannot
 * be is told on descriptors[2], with the end's status 125. Errors: -EINVAL: `size`, or a package
 * that would be an option; -EBADF: a descriptor; -E2BIG: more than 64 KiB of strings; -EAGAIN: too
 * many programs. */
YETT_API int yett_start_request(struct yett_host* host, const struct yett_request* request);

/* yettd has gone (-EPIPE) and another one is there, on another connection: the program of that
 * number goes on, and belongs to this connection now, as if that had begun it. Of yettd's alone
 * (else -ENOTTY), and of the same user's programs. -EBUSY: it has a connection; -ENOENT: no such
 * program, or its end was told to somebody. */
YETT_API int yett_take(struct yett_host* host, int program);

/* A signal for a program, of those that yett/uapi.h names at YETT_SIGNAL; SIGKILL ends its sandbox.
 * Of yettd's alone (else -ENOTTY), and also of the same user's programs on other connections.
 * -EINVAL: another signal; -ENOENT: no such program, or it has ended. */
YETT_API int yett_kill(struct yett_host* host, int program, int signal);

/* What is known of a program and of what its sandbox uses; `told` is filled. Of yettd's alone (else
 * -ENOTTY). -ENOENT: as above. */
YETT_API int yett_stats(struct yett_host* host, int program, struct yett_program_info* told);

/* A function of the application's own, run in a sandbox. Nothing of this is kept. */
struct yett_function {
  size_t size;       /* of this struct, as the caller knows it */
  int sandbox;       /* of yett_create() */
  const int* kept;   /* descriptors that it has, too, by the same numbers; 64 at most */
  size_t kept_count; /* all others are closed, and the standard ones the null device */
};

/* What has come of it. */
struct yett_entered {
  size_t size;                          /* of this struct, as the caller knows it */
  int program;                          /* for yett_stats() and yett_kill(), and of its events */
  int guard_pid;                        /* PID 1 of its sandbox */
  int app_pid;                          /* the function's process: a child of the caller's */
  char guard_name[YETT_GUARD_NAME_MAX]; /* for yett_kill_guard(), which ends all of it */
  char problem[128]; /* what was found, of an error that the other end has told; else empty */
};

/* Forks, and runs `function` with `data` in the child, in a new sandbox, behind all that holds a
 * program of the same template: its namespaces, mounts, cgroup, ids, limits, no capabilities,
 * no_new_privs, Landlock, filter. yettd's supervisor looks whether it is, as far as that can be
 * seen, and only then the function begins (docs/decisions/0057-functions-inside.md).
 *
 * The child is the caller's own: SIGCHLD comes to the caller, and waitpid(2) has how it ended. Who
 * does not wait for it keeps its pid namespace, and PID 1 in it, from going. Another SIGCHLD may
 * come, of a process that only joins the sandbox and is waited for here. What the function returns
 * is its process's exit status, by _exit(2), and all that it has begun ends with it; yettd tells
 * the end as an event, "function_ended", without a status. Else it ends as a program does: by its
 * limits, by yett_kill(), yett_remove(), the end of the connection.
 *
 * The function has only the calling thread, and its C library as after fork(2): malloc(3) and
 * threads of its own work; locks that other threads had stay locked; handlers of pthread_atfork(3)
 * have run. Signals are at their defaults and none is blocked. It must not leave by an exception or
 * longjmp(3), which would go on in the application's code, nor call exit(3), which would run the
 * application's handlers and write its buffers once more; and may use no connection of this
 * library. `kept` stays the caller's; what the function has is the same open file.
 *
 * What is NOT held: the function begins with a copy of the application's memory, and so with all
 * that the application knows (secrets, keys, addresses of code), and with all memory that it shares
 * with others (MAP_SHARED, rings of io_uring: MADV_DONTFORK keeps those back). It may read and
 * execute the application's own file (/proc/self/exe), where its user may. A program begins with
 * nothing of that: yett_start() is for whoever need not be the application. Affinity, personality
 * and hierarchies of cgroups that hold no sandbox are the application's. The sandbox's memory limit
 * counts the page tables of the copy, and its "pids" PID 1, the joining process and the function.
 *
 * For root's applications alone: who joins namespaces of root's needs CAP_SYS_ADMIN and
 * CAP_SYS_CHROOT. Of yettd's alone (else -ENOTTY). 0, and *entered is filled; or: -EPERM: not this
 * user's, or without these rights; -EINVAL: a `size`, or this connection among `kept`; -EBADF: of
 * a descriptor; -EISDIR: one that is a directory, which would be a way out; -E2BIG: too many;
 * -ENOENT: no such sandbox; -EOPNOTSUPP: a template with warm_fork, or whose options have no
 * filter; -EAGAIN: too many programs, or no room for its processes; -EACCES: something would not
 * have held it, and it did not begin (`problem` says what); -ESRCH: it, or its sandbox, has died;
 * -ETIMEDOUT; and what fork(2) and pipe(2) give. After an error nothing of it is left, and app_pid
 * is 0. */
YETT_API int yett_enter(struct yett_host* host, const struct yett_function* request,
                        int (*function)(void* data), void* data, struct yett_entered* entered);

/* A name for the process `pid` that no other process will ever have while the host runs, for
 * yett_kill_guard(): a guard's (guard_pid of yett_stats(), PID 1 of a sandbox), whose number may be
 * somebody else's by the time it is to be killed. No connection is needed; usable after fork(2).
 * Into `name` goes a string of at most `size` bytes, YETT_GUARD_NAME_MAX is enough. -ESRCH: there
 * is no such process; -ENOSPC. */
YETT_API int yett_guard_name(int pid, char* name, size_t size);

/* Kills the process of that name, and so, of a guard, everything in its sandbox. -ESRCH: it has
 * gone, whoever may have its number now; -EPERM: not this user's to kill; -EINVAL: no such name. */
YETT_API int yett_kill_guard(const char* name);

/* Kills what runs in the sandbox and forgets it. The ends of its programs are told as events.
 * -ENOENT: no such sandbox. */
YETT_API int yett_remove(struct yett_host* host, int sandbox);

/* From here on there are events of every kind; without it, ends alone. Of yettd's alone (else
 * -ENOTTY). */
YETT_API int yett_watch(struct yett_host* host);

struct yett_event {
  int program; /* of yett_start() */
  int status;  /* ENDED: its exit status; 128 + n: signal n ended it; 126, 127: it could not be run
                * STARTED: its guard's pid; REFUSED: the errno; ASKED: YETT_GRANT_READ or WRITE;
                * SETTLED: 0, a file was given, or an errno: EACCES, it was denied */
  int kind;    /* YETT_EVENT_* of yett/uapi.h; LOST: `program` is 0 */
  unsigned long long count; /* REFUSED, LOST: so many; ASKED, SETTLED: the question's number */
  char plane[24];           /* REFUSED: which plane has refused it */
  char call[32];            /* REFUSED: the system call, or hook; ASKED: the call */
  char text[168]; /* REFUSED: the object, as the program chose it; ENDED, when watched: "exited",
                   * "signaled", "wall_time", "out_of_memory", "killed_by_policy", ...; ASKED: the
                   * file's path, empty where it is longer: yett_read_question() */
};

/* A question of a program's: may it have this file? Under a policy with [on] violation = "ask" each
 * open of a file of the host's that no rule shows is one, and an event when yett_watch() was called
 * (YETT_EVENT_ASKED); the program waits. */
struct yett_asked {
  int program;
  unsigned long long question; /* its number, from 1, for this program */
  int access;                  /* YETT_GRANT_READ or YETT_GRANT_WRITE */
  unsigned left_ms;            /* then it is a no: the policy's ask_time */
  int pid;                     /* of the thread that waits, on the host */
  char comm[16];               /* its name, of its own choosing */
  char call[16];
  char path[YETT_QUESTION_PATH_MAX]; /* the host's: absolute, no link and no .. in it. The file is
                                      * held: a yes gives that one, whatever becomes of the path */
};

/* The program's first question of this number or above that is open; `from` 0: the first of all,
 * also of those that were asked before yett_watch(). `asked` is filled. Of yettd's alone (else
 * -ENOTTY), and also of the same user's programs on other connections. -ENOENT: there is none (any
 * more), or no such program. */
YETT_API int yett_read_question(struct yett_host* host, int program, unsigned long long from,
                                struct yett_asked* asked);

/* Answers one, as YETT_ANSWER_* of yett/uapi.h say; the first answer to a question is the last. A
 * yes gives that one file, read-only where it was asked to read, never to be executed; what the
 * sandbox's user could not open on the host is no question. `file`: with YETT_ANSWER_INSTEAD a
 * regular file that is open as it was asked for, which stays the caller's; else -1. What has come
 * of it is told as YETT_EVENT_SETTLED. Of yettd's alone (else -ENOTTY), and of the same programs as
 * above. -ENOENT: it is not open (any more), or no such program; -EINVAL: no such answer, or a file
 * that does not go with it; -EBADF: `file`; -EAGAIN: who asks does not listen. */
YETT_API int yett_answer(struct yett_host* host, int program, unsigned long long question,
                         int answer, int file);

/* The next event of this connection's programs, each told once, in their order: 1, and *event is
 * filled; 0: none within `timeout_ms` (0: without waiting; -1: as long as it takes). What is not
 * asked for is kept: 1,024 events, and then it is counted; ends are always kept. */
YETT_API int yett_next_event(struct yett_host* host, int timeout_ms, struct yett_event* event);

/* Waits for the end of one program, and leaves the others' to be told later: 0, and *status is
 * filled (NULL: not wanted). -ETIMEDOUT: it runs still. -ENOENT: its end was told already, or it
 * never was. */
YETT_API int yett_wait(struct yett_host* host, int program, int timeout_ms, int* status);

#ifdef __cplusplus
}
#endif
#endif

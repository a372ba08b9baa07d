/* A supervisor reduced to RECV and SEND, for the floor under a notified call. */
#ifndef YETT_BENCH_NOTIFY_BASELINE_H
#define YETT_BENCH_NOTIFY_BASELINE_H

/* From here on the calling process's sysinfo(2) is answered, with 0 and untouched memory, by a
 * child that does nothing else. Ends the program when the kernel refuses. */
void start_notify_baseline(void);
/* The same of openat(2), answered with a descriptor of `path` that the child has kept open
 * (SECCOMP_ADDFD_FLAG_SEND). */
void start_addfd_baseline(const char* path);
/* The same of openat(2), opened in the caller's place: the least that whoever brokers it must do.
 */
void start_open_baseline(void);

#endif

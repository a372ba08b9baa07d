#include "bench/notify_baseline.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Newer than Debian 12's headers (Linux 6.6). */
static const unsigned long kSetFlags = 0x40082104; /* SECCOMP_IOCTL_NOTIF_SET_FLAGS */
static const unsigned long kSyncWakeUp = 1;

static void die(const char* what) {
  perror(what);
  exit(1);
}

static int install_filter(unsigned call) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
  const long listener =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener < 0) die("seccomp");
  return (int)listener;
}

static void answer_for_ever(int listener) {
  struct seccomp_notif request;
  struct seccomp_notif_resp response;
  for (;;) {
    memset(&request, 0, sizeof request);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) _exit(0);
    memset(&response, 0, sizeof response);
    response.id = request.id;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) _exit(0);
  }
}

static void give_for_ever(int listener, int file) {
  struct seccomp_notif request;
  struct seccomp_notif_addfd given;
  for (;;) {
    memset(&request, 0, sizeof request);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) _exit(0);
    memset(&given, 0, sizeof given);
    given.id = request.id;
    given.flags = SECCOMP_ADDFD_FLAG_SEND;
    given.srcfd = (unsigned)file;
    given.newfd_flags = O_CLOEXEC;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &given) < 0) _exit(0);
  }
}

/* Whatever opens in another's place does at least this: it copies the path, sees that the caller is
 * still the one that asked, walks from a root of the caller's, looks at what it got, gives it, and
 * only then answers: the single step may be cut in two by a signal to the supervisor. */
static void open_for_ever(int listener, int root) {
  struct seccomp_notif request;
  for (;;) {
    memset(&request, 0, sizeof request);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) _exit(0);
    char path[256];
    const struct iovec into = {path, sizeof path};
    const struct iovec from = {(void*)request.data.args[1], sizeof path};
    if (process_vm_readv((pid_t)request.pid, &into, 1, &from, 1, 0) != (ssize_t)sizeof path ||
        memchr(path, 0, sizeof path) == NULL ||
        ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) != 0)
      _exit(1);
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY,
                                 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    const int opened = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    struct stat found;
    if (opened < 0 || fstat(opened, &found) != 0) _exit(1);
    struct seccomp_notif_addfd given = {
        .id = request.id, .srcfd = (unsigned)opened, .newfd_flags = O_CLOEXEC};
    struct seccomp_notif_resp response = {.id = request.id};
    response.val = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &given);
    if (response.val < 0 || ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) _exit(0);
    close(opened);
  }
}

/* In the child: the listener of a filter that notifies `call`; in the caller: -1. */
static int start_supervisor(unsigned call) {
  const int listener = install_filter(call);
  ioctl(listener, kSetFlags, kSyncWakeUp); /* older kernels are measured without it */
  const pid_t supervisor = fork();
  if (supervisor < 0) die("fork");
  if (supervisor == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return listener;
  }
  close(listener);
  return -1;
}

void start_notify_baseline(void) {
  const int listener = start_supervisor(SYS_sysinfo);
  if (listener >= 0) answer_for_ever(listener);
}

void start_addfd_baseline(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) die(path);
  const int listener = start_supervisor(SYS_openat);
  if (listener >= 0) give_for_ever(listener, file);
  close(file);
}

void start_open_baseline(void) {
  const int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) die("/");
  const int listener = start_supervisor(SYS_openat);
  if (listener >= 0) open_for_ever(listener, root);
  close(root);
}

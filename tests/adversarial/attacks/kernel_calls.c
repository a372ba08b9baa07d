// Calls that hand a program more of the kernel than it needs. Arguments are chosen so that the call
// does no harm where it is not refused: it then fails with another errno than the refusal's, or
// makes an object of the caller's own.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "attempt.h"

static long io_uring_setup(void) {
  struct io_uring_params parameters = {0};
  return syscall(SYS_io_uring_setup, 4, &parameters);
}
static long io_setup(void) {
  unsigned long context = 0;
  return syscall(SYS_io_setup, 1, &context);
}
static long bpf_map(void) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = 1;
  return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}
static long perf_event(void) {
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = 0};
  return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}
static long userfaultfd_call(void) { return syscall(SYS_userfaultfd, 1 /* user mode only */); }
static long add_key(void) {
  return syscall(SYS_add_key, "user", "attempt", "x", 1, -2 /* process */);
}
static long request_key(void) { return syscall(SYS_request_key, "user", "no-such-key", NULL, 0); }
static long keyctl_search(void) { return syscall(SYS_keyctl, 0 /* get id */, -3 /* session */, 1); }
static long kexec_load(void) { return syscall(SYS_kexec_load, 0, 1UL << 20, NULL, 0); }
static long kexec_file_load(void) { return syscall(SYS_kexec_file_load, -1, -1, 0, NULL, 0); }
static long init_module(void) { return syscall(SYS_init_module, NULL, 0, ""); }
static long finit_module(void) { return syscall(SYS_finit_module, -1, "", 0); }
static long delete_module(void) { return syscall(SYS_delete_module, "no-such-module", O_NONBLOCK); }
static long reboot_call(void) { return syscall(SYS_reboot, 1, 2, 3, NULL); }
static long swapon_call(void) { return syscall(SYS_swapon, "/no/such/file", 0); }
static long acct_call(void) { return syscall(SYS_acct, "/no/such/directory/file"); }
static long iopl_call(void) { return syscall(SYS_iopl, 4); }
static long ioperm_call(void) { return syscall(SYS_ioperm, 1UL << 20, 1, 1); }
static long modify_ldt(void) { return syscall(SYS_modify_ldt, 0, NULL, 0); }
static long syslog_call(void) { return syscall(SYS_syslog, 10 /* size of buffer */, NULL, 0); }
static long fanotify(void) { return syscall(SYS_fanotify_init, 0, O_RDONLY); }
static long memfd_secret_call(void) { return syscall(SYS_memfd_secret, 0); }
static long seccomp_call(void) {
  unsigned action = 0x7fff0000;
  return syscall(SYS_seccomp, 2 /* get action avail */, 0, &action);
}
static long landlock_call(void) { return syscall(444, NULL, 0, 1 /* version */); }
static long no_randomisation(void) { return syscall(SYS_personality, 0x0040000); }
static long clock_settime_call(void) { return syscall(SYS_clock_settime, 0, NULL); }
static long settimeofday_call(void) { return syscall(SYS_settimeofday, 1, NULL); }
static long sethostname_call(void) { return syscall(SYS_sethostname, "attempt", 7); }
static long set_mempolicy(void) { return syscall(SYS_set_mempolicy, 0, NULL, 0); }
static long shmget_call(void) { return syscall(SYS_shmget, 0, 4096, 0600); }
static long msgget_call(void) { return syscall(SYS_msgget, 0, 0600); }
static long mq_open_call(void) {
  return syscall(SYS_mq_open, "attempt", O_CREAT | O_RDWR, 0600, NULL);
}
static long sched_fifo(void) {
  const int priority = 1;
  return syscall(SYS_sched_setscheduler, 0, 1, &priority);
}
static long merge_pages(void) {
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return syscall(SYS_madvise, page, 4096, 12 /* MADV_MERGEABLE */);
}
static long futex_pi(void) {
  static unsigned word;
  return syscall(SYS_futex, &word, 6 /* LOCK_PI */, 0, NULL, NULL, 0);
}
static long set_dumpable_mm(void) { return syscall(SYS_prctl, 35 /* PR_SET_MM */, 1, 0, 0, 0); }

static long make_pipe(int ends[2]) {
  return syscall(SYS_pipe2, ends, 0) < 0 || write(ends[1], "x", 1) != 1 ? -1 : 0;
}
static long splice_call(void) {
  int from[2], to[2];
  if (make_pipe(from) < 0 || make_pipe(to) < 0) return -1;
  return syscall(SYS_splice, from[0], NULL, to[1], NULL, 1, 0);
}
static long tee_call(void) {
  int from[2], to[2];
  if (make_pipe(from) < 0 || make_pipe(to) < 0) return -1;
  return syscall(SYS_tee, from[0], to[1], 1, 0);
}
static long vmsplice_call(void) {
  int ends[2];
  char byte = 0;
  struct {
    void* base;
    size_t length;
  } vector = {&byte, 1};
  return make_pipe(ends) < 0 ? -1 : syscall(SYS_vmsplice, ends[1], &vector, 1, 0);
}

struct handle {
  unsigned bytes;
  int type;
  unsigned char data[128];
};
static long name_to_handle(void) {
  struct handle handle = {.bytes = sizeof handle.data};
  int mount;
  return syscall(SYS_name_to_handle_at, AT_FDCWD, "/tmp", &handle, &mount, 0);
}
// The way of CVE-2014-9357 ("shocker"): a handle made up or carried in.
static long open_by_handle(void) {
  struct handle handle = {.bytes = sizeof handle.data};
  int mount;
  if (syscall(SYS_name_to_handle_at, AT_FDCWD, "/tmp", &handle, &mount, 0) < 0) handle.bytes = 8;
  const int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
  return directory < 0 ? -1 : syscall(SYS_open_by_handle_at, directory, &handle, O_RDONLY);
}

// By a directory's descriptor too, or by the path alone.
static long make_node_by(long call, mode_t type, dev_t device) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/attempt-node-%d", getpid());
  const long made = call == SYS_mknod ? syscall(call, path, type | 0600, device)
                                      : syscall(call, AT_FDCWD, path, type | 0600, device);
  const int error = errno;
  if (made == 0) unlink(path);
  errno = error;
  return made;
}
static long make_node(mode_t type, dev_t device) { return make_node_by(SYS_mknod, type, device); }
static long mknod_block(void) { return make_node(S_IFBLK, 0x700); }
static long mknod_char(void) { return make_node(S_IFCHR, 0x101); }
static long mknod_fifo(void) { return make_node(S_IFIFO, 0); }
static long mknodat_block(void) { return make_node_by(SYS_mknodat, S_IFBLK, 0x700); }

// Past the end of every table, and -1.
static long number_600(void) { return syscall(600); }
static long number_minus_one(void) { return syscall(-1); }
// uprobe and uretprobe run before the filter (kernel/entry): outside of their trampolines they end
// in SIGILL or ENOSYS, never in an effect.
static long uretprobe(void) { return syscall(335); }

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(io_uring_setup),    ATTEMPT(io_setup),           ATTEMPT(bpf_map),
    ATTEMPT(perf_event),        ATTEMPT(userfaultfd_call),   ATTEMPT(add_key),
    ATTEMPT(request_key),       ATTEMPT(keyctl_search),      ATTEMPT(kexec_load),
    ATTEMPT(kexec_file_load),   ATTEMPT(init_module),        ATTEMPT(finit_module),
    ATTEMPT(delete_module),     ATTEMPT(reboot_call),        ATTEMPT(swapon_call),
    ATTEMPT(acct_call),         ATTEMPT(iopl_call),          ATTEMPT(ioperm_call),
    ATTEMPT(modify_ldt),        ATTEMPT(syslog_call),        ATTEMPT(fanotify),
    ATTEMPT(memfd_secret_call), ATTEMPT(seccomp_call),       ATTEMPT(landlock_call),
    ATTEMPT(no_randomisation),  ATTEMPT(clock_settime_call), ATTEMPT(settimeofday_call),
    ATTEMPT(sethostname_call),  ATTEMPT(set_mempolicy),      ATTEMPT(shmget_call),
    ATTEMPT(msgget_call),       ATTEMPT(mq_open_call),       ATTEMPT(sched_fifo),
    ATTEMPT(merge_pages),       ATTEMPT(futex_pi),           ATTEMPT(set_dumpable_mm),
    ATTEMPT(splice_call),       ATTEMPT(tee_call),           ATTEMPT(vmsplice_call),
    ATTEMPT(name_to_handle),    ATTEMPT(open_by_handle),     ATTEMPT(mknod_block),
    ATTEMPT(mknod_char),        ATTEMPT(mknod_fifo),         ATTEMPT(mknodat_block),
    ATTEMPT(number_600),        ATTEMPT(number_minus_one),   ATTEMPT(uretprobe),
};

ATTEMPTS_MAIN(kAttempts)

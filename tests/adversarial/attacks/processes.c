// Reaching into other processes: PID 1, which the sandbox does not own, and a child, which it does.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "attempt.h"

static char secret[16] = "a word in memory";

static long ptrace_me(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }
static long ptrace_seize_init(void) { return ptrace(PTRACE_SEIZE, 1, 0, 0); }

// The parent of an attempt is of the same program: its `secret` lies at the same address.
static long transfer(long call, pid_t pid) {
  char here[sizeof secret] = {0};
  struct iovec local = {here, sizeof here};
  struct iovec remote = {secret, sizeof secret};
  return syscall(call, pid, &local, 1, &remote, 1, 0);
}
static long vm_read_parent(void) { return transfer(SYS_process_vm_readv, getppid()); }
static long vm_write_parent(void) { return transfer(SYS_process_vm_writev, getppid()); }
static long vm_read_init(void) { return transfer(SYS_process_vm_readv, 1); }

static long pidfd_getfd_of(pid_t pid) {
  const long process = syscall(SYS_pidfd_open, pid, 0);
  return process < 0 ? -1 : syscall(SYS_pidfd_getfd, process, 0, 0);
}
static long getfd_parent(void) { return pidfd_getfd_of(getppid()); }
static long getfd_init(void) { return pidfd_getfd_of(1); }
static long kcmp_init(void) { return syscall(SYS_kcmp, getpid(), 1, 0, 0, 0); }
static long kcmp_parent(void) { return syscall(SYS_kcmp, getpid(), getppid(), 0, 0, 0); }

static long open_path(const char* path, int flags) { return open(path, flags | O_CLOEXEC); }
static long init_mem_read(void) { return open_path("/proc/1/mem", O_RDONLY); }
static long init_mem_write(void) { return open_path("/proc/1/mem", O_RDWR); }
static long init_exe_read(void) { return open_path("/proc/1/exe", O_RDONLY); }
static long init_exe_write(void) { return open_path("/proc/1/exe", O_WRONLY); }
static long init_maps(void) { return open_path("/proc/1/maps", O_RDONLY); }
static long init_environ(void) { return open_path("/proc/1/environ", O_RDONLY); }
static long init_root(void) { return open_path("/proc/1/root/tmp", O_RDONLY); }
static long init_cwd(void) { return open_path("/proc/1/cwd/tmp", O_RDONLY); }
static long init_ns(void) { return open_path("/proc/1/ns/mnt", O_RDONLY); }
static long init_fds(void) {
  DIR* directory = opendir("/proc/1/fd");
  return directory == NULL ? -1 : 0;
}
static long own_mem_write(void) { return open_path("/proc/self/mem", O_RDWR); }

static long signal_process(pid_t pid) { return kill(pid, 0); }
// The host's init has no number in here; pid 1 is the sandbox's own, which ignores us.
static long signal_host(void) {
  for (pid_t pid = 2; pid < 1 << 16; ++pid)
    if (pid != getpid() && pid != getppid() && signal_process(pid) == 0) return 0;
  errno = ESRCH;
  return -1;
}
// "ok" is what kill says; the test looks whether the sandbox lived on.
static long kill_init(void) { return kill(1, SIGKILL); }
static long stop_init(void) { return kill(1, SIGSTOP); }
static long send_pidfd_signal(void) {
  const long process = syscall(SYS_pidfd_open, getppid(), 0);
  return process < 0 ? -1 : syscall(SYS_pidfd_send_signal, process, 0, NULL, 0);
}
static long queue_signal(void) { return syscall(SYS_rt_sigqueueinfo, getppid(), 0, NULL); }

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(ptrace_me),       ATTEMPT(ptrace_seize_init), ATTEMPT(vm_read_parent),
    ATTEMPT(vm_write_parent), ATTEMPT(vm_read_init),      ATTEMPT(getfd_parent),
    ATTEMPT(getfd_init),      ATTEMPT(kcmp_init),         ATTEMPT(kcmp_parent),
    ATTEMPT(init_mem_read),   ATTEMPT(init_mem_write),    ATTEMPT(init_exe_read),
    ATTEMPT(init_exe_write),  ATTEMPT(init_maps),         ATTEMPT(init_environ),
    ATTEMPT(init_root),       ATTEMPT(init_cwd),          ATTEMPT(init_ns),
    ATTEMPT(init_fds),        ATTEMPT(own_mem_write),     ATTEMPT(signal_host),
    ATTEMPT(kill_init),       ATTEMPT(stop_init),         ATTEMPT(send_pidfd_signal),
    ATTEMPT(queue_signal),
};

ATTEMPTS_MAIN(kAttempts)

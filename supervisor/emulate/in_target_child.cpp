// The supervisor's child takes the target's stand. Runs between clone and exit.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "ioctl_uapi/mount_api.hpp"
#include "supervisor/emulate/in_target.hpp"

namespace yett {
namespace {

// SECURITY(helper-holds-nothing): a listener or a fanotify group that outlived the supervisor here
// would leave the sandbox's calls hanging.
void close_others(const TargetStand& stand) {
  int kept[] = {stand.mounts, stand.root, stand.base, stand.file};
  std::ranges::sort(kept);
  unsigned from = 3;
  for (const int fd : kept) {
    if (fd < 3) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > from) ::syscall(SYS_close_range, from, number - 1, 0);
    from = number + 1;
  }
  ::syscall(SYS_close_range, from, ~0U, 0);
}

// SECURITY(helper-dies): as the supervisor does. To be done after each change of ids, which undoes
// both.
ChildResult die_with(pid_t parent) {
  YETT_STEP(from_libc(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)));
  YETT_STEP(from_libc(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)));
  return ::getppid() == parent ? kDone : EIO;
}

ChildResult take_stand(TargetStand& stand) {
  close_others(stand);
  stand.own_files = static_cast<int>(
      ::syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  YETT_STEP(die_with(stand.parent));
  YETT_STEP(from_libc(::setns(stand.mounts, CLONE_NEWNS)));
  // The namespace's root is not always the target's: it may have changed its own.
  YETT_STEP(from_libc(::fchdir(stand.root)));
  YETT_STEP(from_libc(::chroot(".")));
  YETT_STEP(from_libc(::fchdir(stand.base)));
  YETT_STEP(from_libc(::syscall(SYS_setgroups, 0, nullptr)));
  // With an fsuid that is not root's, the kernel takes the capabilities over files away.
  ::syscall(SYS_setfsgid, stand.gid);
  ::syscall(SYS_setfsuid, stand.uid);
  const bool taken = static_cast<uid_t>(::syscall(SYS_setfsuid, -1)) == stand.uid;
  return taken ? die_with(stand.parent) : EPERM;
}

// By the calls themselves, here and above: ThreadSanitizer takes descriptors and threads of the
// supervisor's for the child's own, and would end it with a status of its choosing.
[[noreturn]] void exit_with(int status) {
  for (;;) ::syscall(SYS_exit_group, status);
}

}  // namespace

void run_target_task_child(TargetStand stand, TargetTask task, const void* given) {
  const ChildResult taken = take_stand(stand);
  if (taken != kDone) exit_with(taken == ENOTDIR ? ENOTDIR : EIO);
  exit_with(task(stand, given));
}

int open_as_target_child(const char* path, int flags) {
  return sys_open_without_magic(path, flags | O_CLOEXEC);
}

}  // namespace yett

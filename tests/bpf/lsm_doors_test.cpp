// Other tasks, mounts, and doors to more kernel, under BPF LSM. The acts run as root with all
// capabilities, so that nothing but the label can refuse them.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "tests/bpf/labelled_task.hpp"

namespace yett::test {
namespace {

// ---- tasks --------------------------------------------------------------------------------------

int attach_to(pid_t task) {
  const int result = outcome(::ptrace(PTRACE_SEIZE, task, nullptr, nullptr) != 0);
  if (result == 0) ::ptrace(PTRACE_DETACH, task, nullptr, nullptr);
  return result;
}

int read_memory_of(pid_t task) {
  char byte = 0;
  iovec mine{&byte, 1};
  iovec its{&byte, 1};
  const ssize_t count = ::process_vm_readv(task, &mine, 1, &its, 1, 0);
  return count < 0 && errno == EPERM ? EPERM : 0;  // EFAULT would mean that we were let in
}

int open_memory_of(pid_t task) {
  const std::string path = "/proc/" + std::to_string(task) + "/mem";
  return outcome(::open(path.c_str(), O_RDONLY) < 0);
}

// Does `act` to a child of this task's own.
int to_own_child(int (*act)(pid_t)) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const int result = act(child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return result;
}

int signal_to(pid_t task) { return outcome(::kill(task, 0) != 0); }

class LsmTasks : public LsmTest {};

TEST_F(LsmTasks, OutsideIsOutOfReachAndTheOwnIsNot) {
  const pid_t outside = ::getpid();
  for (const auto act : {signal_to, attach_to, read_memory_of}) {
    EXPECT_EQ(run_labelled(plain_plan(), [=] { return act(outside); }).result, EPERM);
    EXPECT_EQ(run_labelled(plain_plan(), [=] { return to_own_child(act); }).result, 0);
    EXPECT_EQ(run_unlabelled([=] { return to_own_child(act); }), 0);
  }
  EXPECT_EQ(run_labelled(plain_plan(), [=] { return open_memory_of(outside); }).result, EACCES);
}

TEST_F(LsmTasks, AnOutsideParentIsNotAskedToTrace) {
  const Act act = [] { return outcome(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0); };
  EXPECT_EQ(run_labelled(plain_plan(), act).result, EPERM);
  EXPECT_EQ(run_unlabelled(act), 0);
}

// ---- mounts -------------------------------------------------------------------------------------

class LsmMounts : public LsmTest {};

TEST_F(LsmMounts, TheMountTreeStaysAsItIs) {
  const std::string place = directory() + "/place";
  ASSERT_EQ(::mkdir(place.c_str(), 0700), 0);
  ASSERT_EQ(::mount("tmpfs", place.c_str(), "tmpfs", 0, nullptr), 0);
  const Act acts[] = {
      [&] { return outcome(::mount("tmpfs", place.c_str(), "tmpfs", 0, nullptr) != 0); },
      [&] { return outcome(::mount("/", place.c_str(), nullptr, MS_BIND, nullptr) != 0); },
      [&] {
        return outcome(::mount(nullptr, place.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) !=
                       0);
      },
      [&] {
        const long tree = ::syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
        if (tree < 0) return errno;
        return outcome(::syscall(SYS_move_mount, tree, "", AT_FDCWD, place.c_str(),
                                 4 /* F_EMPTY_PATH */) != 0);
      },
      [&] { return outcome(::chroot(place.c_str()) != 0); },
      [&] { return outcome(::umount2(place.c_str(), MNT_DETACH) != 0); },
  };
  int index = 0;
  for (const Act& act : acts) {
    const Act apart = [&act] { return ::unshare(CLONE_NEWNS) != 0 ? 199 : act(); };
    EXPECT_EQ(run_labelled(plain_plan(), apart).result, EPERM) << "act " << index;
    EXPECT_EQ(run_unlabelled(apart), 0) << "act " << index;
    ++index;
  }
}

TEST_F(LsmMounts, NewFileSystemsAreNotMade) {
  const Act act = [] {
    const long context = ::syscall(SYS_fsopen, "tmpfs", 0);
    if (context < 0) return errno;
    if (::syscall(SYS_fsconfig, context, 6 /* CMD_CREATE */, nullptr, nullptr, 0) != 0)
      return errno;
    const long mount = ::syscall(SYS_fsmount, context, 0, 0);
    if (mount < 0) return errno;
    return outcome(::syscall(SYS_move_mount, mount, "", AT_FDCWD, "/tmp", 4) != 0);
  };
  EXPECT_EQ(run_labelled(plain_plan(), act).result, EPERM);
  EXPECT_EQ(run_unlabelled([&act] { return ::unshare(CLONE_NEWNS) != 0 ? 199 : act(); }), 0);
}

// ---- doors to more kernel -----------------------------------------------------------------------

int use_bpf() {
  union bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  return outcome(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes) < 0);
}

int open_perf_event() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  return outcome(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0) < 0);
}

int make_user_namespace() { return outcome(::unshare(CLONE_NEWUSER) != 0); }

int add_key() {
  return outcome(::syscall(SYS_add_key, "user", "yett", "x", 1, -2 /* process keyring */) < 0);
}

int read_kernel_log() { return outcome(::klogctl(10 /* size */, nullptr, 0) < 0); }

int start_ring_poller() {
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_SQPOLL;
  return outcome(::syscall(SYS_io_uring_setup, 1, &parameters) < 0);
}

// SECURITY: terminal_injection; the upper half of the command does not hide it.
int inject(unsigned long command) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::unlockpt(terminal) != 0) return 199;
  const int other = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  char byte = 'x';
  const long result = ::syscall(SYS_ioctl, other, command, &byte);
  return result == 0 || errno == EIO ? 0 : errno;  // EIO: dev.tty.legacy_tiocsti is off
}
int inject_plainly() { return inject(TIOCSTI); }
int inject_in_disguise() { return inject(TIOCSTI | (1UL << 32)); }

class LsmDoors : public LsmTest {};

TEST_F(LsmDoors, AreShut) {
  struct Door {
    const char* name;
    int (*act)();
  };
  const Door doors[] = {{"bpf", use_bpf},
                        {"perf event", open_perf_event},
                        {"user namespace", make_user_namespace},
                        {"key", add_key},
                        {"kernel log", read_kernel_log},
                        {"io_uring poller", start_ring_poller},
                        {"terminal_injection", inject_plainly},
                        {"terminal_injection, disguised", inject_in_disguise}};
  for (const Door& door : doors) {
    const LabelledRun run = run_labelled(plain_plan(), door.act);
    EXPECT_EQ(run.result, EPERM) << door.name << " " << run.error;
    EXPECT_FALSE(run.records.empty()) << door.name;
    EXPECT_EQ(run_unlabelled(door.act), 0) << door.name;
  }
}

}  // namespace
}  // namespace yett::test

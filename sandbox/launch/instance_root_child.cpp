// Runs as root of the host between fork and _exit: a list of steps; the first that fails is told.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iterator>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/guard/namespaces_child.hpp"
#include "sandbox/launch/instance_root.hpp"

namespace yett {
namespace {

struct Work {
  InstanceRoot* root;
  RootfsState state;
  int processes = -1;  // the host's /proc
};

// In the mount namespace of the template, where they are attached by now.
ChildResult copy_mount(int& mount) {
  if (mount < 0) return kDone;
  const int copy = static_cast<int>(
      ::syscall(SYS_open_tree, mount, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (copy < 0) return errno;
  mount = copy;
  return kDone;
}

ChildResult shared_mounts(Work& work) {
  RootfsInputs& inputs = work.root->rootfs;
  work.processes = ::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (work.processes < 0) return errno;
  if (inputs.image_mount < 0 && inputs.truth_mount < 0) return kDone;
  const int host = ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (host < 0) return errno;
  YETT_STEP(from_libc(::setns(work.root->template_pidfd, CLONE_NEWNS)));
  YETT_STEP(copy_mount(inputs.image_mount));
  YETT_STEP(copy_mount(inputs.truth_mount));
  YETT_STEP(from_libc(::setns(host, CLONE_NEWNS)));
  ::close(host);
  return kDone;
}

// The pid namespace is the next child's, whose mount namespace is a copy of the host's to build in.
ChildResult namespaces(Work& work) {
  int joined = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  if (work.root->plan->namespaces.network == NetworkNamespace::fresh) joined |= CLONE_NEWNET;
  YETT_STEP(from_libc(::setns(work.root->instance_pidfd, joined)));
  const auto inside = static_cast<int>(
      ::syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (inside < 0) return errno;
  if (inside != 0) {
    int status = 0;
    while (::waitpid(inside, &status, 0) < 0 && errno == EINTR) {
    }
    ::_exit(0);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::umask(0);
  return make_mounts_private();
}

ChildResult network(Work& work) {
  return work.root->plan->namespaces.network == NetworkNamespace::fresh ? raise_loopback() : kDone;
}

ChildResult sysctls(Work& work) { return set_sysctls(*work.root->plan); }
ChildResult root(Work& work) { return mount_root(work.root->rootfs, work.state); }
ChildResult mounts(Work& work) {
  YETT_STEP(mount_entries(work.root->rootfs, work.state));
  return enter_root(work.root->rootfs, work.state);
}

// SECURITY(instance-root): pivot_root(2) changes the root of every process that has the old one,
// and so the instance's; of the template's tree, and what is written there, nothing is left.
ChildResult replace(Work& work) {
  const int tree = sys_open_tree_clone(AT_FDCWD, "/", Subtree::with_submounts);
  if (tree < 0) return from_kernel(tree);
  YETT_STEP(from_libc(::setns(work.root->instance_pidfd, CLONE_NEWNS)));
  YETT_STEP(from_kernel(sys_move_mount(tree, AT_FDCWD, "/")));
  YETT_STEP(from_libc(::fchdir(tree)));
  YETT_STEP(from_libc(::syscall(SYS_pivot_root, ".", ".")));
  YETT_STEP(from_libc(::umount2(".", MNT_DETACH)));
  return from_libc(::chdir("/"));
}

ChildResult write_map(const Work& work, const InstanceMap& map) {
  const int file = ::openat(work.processes, map.path.data(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return errno;
  const ChildResult result = from_libc(::write(file, map.line.data(), ::strlen(map.line.data())));
  ::close(file);
  return result;
}

// A map is written from the parent of the namespace, which is the template's.
ChildResult ids(Work& work) {
  YETT_STEP(from_libc(::setns(work.root->template_pidfd, CLONE_NEWUSER)));
  YETT_STEP(write_map(work, work.root->gid_map));
  return write_map(work, work.root->uid_map);
}

struct Step {
  InstanceStep id;
  ChildResult (*run)(Work&);
};
constexpr Step kSteps[] = {
    {InstanceStep::shared_mounts, shared_mounts},
    {InstanceStep::namespaces, namespaces},
    {InstanceStep::network, network},
    {InstanceStep::sysctls, sysctls},
    {InstanceStep::root, root},
    {InstanceStep::mounts, mounts},
    {InstanceStep::replace, replace},
    {InstanceStep::ids, ids},
};

}  // namespace

const char* instance_step_name(InstanceStep step) {
  constexpr const char* kNames[] = {"copy mounts of the template",
                                    "join namespaces",
                                    "loopback",
                                    "sysctls",
                                    "mount root",
                                    "mount",
                                    "replace the root",
                                    "map ids"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(InstanceStep::count));
  return step < InstanceStep::count ? kNames[static_cast<std::size_t>(step)] : "done";
}

void build_instance_root(InstanceRoot root, int report) {
  Work work{.root = &root, .state = {}};
  InstanceRootResult result;
  for (const Step& step : kSteps) {
    result.error = step.run(work);
    if (result.error == kDone) continue;
    result.step = step.id;
    result.entry = work.state.failed_entry;
    break;
  }
  ::_exit(::write(report, &result, sizeof result) == sizeof result ? 0 : 125);
}

}  // namespace yett

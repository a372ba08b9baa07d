// A container's mounts, made in its own mount namespace before the root is entered. Every target is
// resolved below the new root and mounted on by fd.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/container/container_context.hpp"
#include "sandbox/guard/mount_entry_child.hpp"

namespace yett {
namespace {

Subtree subtree_of(const ContainerMount& mount) {
  return mount.recursive ? Subtree::with_submounts : Subtree::only_this_mount;
}

int set_attributes(int mount, const ContainerMount& entry) {
  int result = 0;
  if (entry.set != 0 || entry.clear != 0)
    result = sys_mount_setattr(mount, entry.set, entry.clear, Subtree::only_this_mount);
  if (result >= 0 && (entry.recursive_set != 0 || entry.recursive_clear != 0))
    result = sys_mount_setattr(mount, entry.recursive_set, entry.recursive_clear,
                               Subtree::with_submounts);
  if (result >= 0 && entry.id_map.valid())
    result = sys_mount_idmap(
        mount, entry.id_map.get(),
        entry.ids_of_submounts ? Subtree::with_submounts : Subtree::only_this_mount);
  return result;
}

int configure(int context, const ContainerMount& entry) {
  if (!entry.source.empty()) {
    const int named = sys_fsconfig_string(context, "source", entry.source.c_str());
    if (named < 0 && named != -EINVAL) return named;
  }
  for (const auto& [key, value] : entry.options) {
    const int set = value.empty() ? sys_fsconfig_flag(context, key.c_str())
                                  : sys_fsconfig_string(context, key.c_str(), value.c_str());
    if (set < 0) return set;
  }
  return sys_fsconfig_create(context);
}

bool is_directory(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

bool shows_the_kernel(const ContainerMount& entry) {
  return entry.kind == ContainerMountKind::filesystem &&
         (entry.filesystem == "proc" || entry.filesystem == "sysfs");
}

// SECURITY(container-mount-target): resolved below the root, links as inside, mounted on by fd.
// SECURITY(container-proc-by-link): /proc and /sys by no link. Who shares what it leads to could
// move the mount point away before the masks are there, and leave /proc without them.
int open_target(int root, const ContainerMount& entry, int mount) {
  const MountPoint kind = is_directory(mount) ? MountPoint::directory : MountPoint::file;
  const int place = open_mount_point(root, entry.target.c_str(), kind);
  if (place < 0 || !shows_the_kernel(entry)) return place;
  ::close(place);
  return sys_open_plain_in_root(root, entry.target.c_str());
}

ChildResult attach(int root, const ContainerMount& entry, int mount) {
  const int place = open_target(root, entry, mount);
  if (place < 0) return from_kernel(place);
  ChildResult result = from_kernel(sys_move_mount(mount, place, ""));
  ::close(place);
  for (const unsigned long flags : entry.propagation)
    if (result == kDone) result = from_kernel(sys_mount_propagation(mount, flags));
  return result;
}

ChildResult change_mount(int root, const ContainerMount& entry) {
  const int place = open_inside(root, entry.target.c_str());
  if (place < 0) return from_kernel(place);
  const int changed = set_attributes(place, entry);
  ::close(place);
  return from_kernel(changed);
}

int make_mount(int root, const ContainerMount& entry) {
  if (entry.kind == ContainerMountKind::bind) return open_bind_source(entry);
  return entry.copy_up ? make_copied_tmpfs(root, entry)
                       : make_container_filesystem(entry, entry.set);
}

ChildResult carry_out(ContainerContext& context, const ContainerMount& entry) {
  if (entry.kind == ContainerMountKind::remount) return change_mount(context.root, entry);
  int mount = entry.opened.get();
  if (mount < 0) mount = make_mount(context.root, entry);
  if (mount == -ENOENT && entry.optional) return kDone;
  if (mount < 0) return from_kernel(mount);
  const ChildResult result = attach(context.root, entry, mount);
  ::close(mount);
  return result;
}

}  // namespace

int make_container_filesystem(const ContainerMount& entry, std::uint64_t attributes) {
  const int context = sys_fsopen(entry.filesystem.c_str());
  if (context < 0) return context;
  int result = configure(context, entry);
  if (result >= 0) result = sys_fsmount(context, attributes);
  ::close(context);
  return result;
}

int open_bind_source(const ContainerMount& entry) {
  const int mount = sys_open_tree_clone(AT_FDCWD, entry.source.c_str(), subtree_of(entry));
  if (mount < 0) return mount;
  const int result = set_attributes(mount, entry);
  if (result >= 0) return mount;
  ::close(mount);
  return result;
}

namespace container_steps {

// SECURITY(container-propagation): nothing mounted here travels back to the host, whatever the
// configuration says of the root: a shared one has a group of its own (enter_root).
ChildResult propagation(ContainerContext& context) {
  if ((context.plan->new_namespaces & CLONE_NEWNS) == 0) return kDone;
  return from_libc(::mount(nullptr, "/", nullptr, inherited_propagation(*context.plan), nullptr));
}

// The parent stands in the root filesystem's directory, and so does the child, in its own copy of
// the mount tree: "." reaches it whatever the permissions on the way there.
ChildResult root(ContainerContext& context) {
  int mount = context.plan->root_mount.get();
  if (mount < 0) mount = sys_open_tree_clone(AT_FDCWD, ".", Subtree::with_submounts);
  if (mount < 0) return from_kernel(mount);
  YETT_STEP(from_kernel(sys_move_mount(mount, AT_FDCWD, ".")));
  context.root = mount;
  return from_kernel(sys_mount_propagation(mount, inherited_propagation(*context.plan)));
}

ChildResult mounts(ContainerContext& context) {
  const auto& mounts = context.plan->mounts;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    context.detail = static_cast<int>(i);
    YETT_STEP(carry_out(context, mounts[i]));
  }
  context.detail = -1;
  return kDone;
}

}  // namespace container_steps
}  // namespace yett

#include "supervisor/emulate/target_tasks_child.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/guard/mount_entry_child.hpp"

namespace yett {
namespace {

// Closes with its block.
struct ChildFd {
  int fd = -1;
  explicit ChildFd(int opened) : fd(opened) {}
  ChildFd(const ChildFd&) = delete;
  ChildFd& operator=(const ChildFd&) = delete;
  ~ChildFd() {
    if (fd >= 0) ::syscall(SYS_close, fd);
  }
};

// The directory of `path`'s last component, and that component. fd or -errno.
int open_parent_of(const char* path, const char*& name) {
  char parent[PATH_MAX];
  const std::size_t length = std::strlen(path);
  if (length == 0) return -ENOENT;
  if (length >= sizeof parent) return -ENAMETOOLONG;
  std::memcpy(parent, path, length + 1);
  char* slash = std::strrchr(parent, '/');
  name = last_component(path);
  if (slash == nullptr) return open_as_target_child(".", O_PATH | O_DIRECTORY);
  slash[slash == parent ? 1 : 0] = '\0';
  return open_as_target_child(parent, O_PATH | O_DIRECTORY);
}

bool is_a_name(const char* name) {
  return name[0] != '\0' && std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0;
}

ChildResult bind_at(int mount, int place) { return from_kernel(sys_move_mount(mount, place, "")); }

ChildResult mount_fresh_tmpfs(const TargetStand& stand, const MountTask& task, int place) {
  const TmpfsShape shape{.size_bytes = task.size_bytes, .mode = task.mode, .owned_by_user = true};
  const ChildFd mount(make_tmpfs(shape, stand.uid, stand.gid, task.attributes));
  if (mount.fd < 0) return from_kernel(mount.fd);
  return bind_at(mount.fd, place);
}

// SECURITY(masks): always with what is mounted below: a copy without its masks would show what they
// hide.
ChildResult mount_copy(const MountTask& task, int place) {
  const ChildFd source(open_as_target_child(task.source, O_PATH));
  if (source.fd < 0) return from_kernel(source.fd);
  const ChildFd mount(sys_open_tree_clone(source.fd, "", Subtree::with_submounts));
  if (mount.fd < 0) return from_kernel(mount.fd);
  if (task.attributes != 0)
    YETT_STEP(
        from_kernel(sys_mount_setattr(mount.fd, task.attributes, 0, Subtree::with_submounts)));
  return bind_at(mount.fd, place);
}

}  // namespace

ChildResult bind_node_child(const TargetStand& /*stand*/, const void* node_task) {
  const auto& task = *static_cast<const NodeTask*>(node_task);
  const ChildFd device(open_as_target_child(task.device, O_PATH | O_NOFOLLOW));
  struct stat status{};
  if (device.fd < 0 || ::fstat(device.fd, &status) != 0 || !S_ISCHR(status.st_mode) ||
      status.st_rdev != task.number)
    return EPERM;
  const char* name = nullptr;
  const ChildFd parent(open_parent_of(task.path, name));
  if (parent.fd < 0) return from_kernel(parent.fd);
  if (!is_a_name(name)) return EEXIST;
  YETT_STEP(from_libc(::mknodat(parent.fd, name, S_IFREG | 0600, 0)));
  const ChildFd place(
      static_cast<int>(::syscall(SYS_openat, parent.fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)));
  if (place.fd < 0) return errno;
  const ChildFd mount(sys_open_tree_clone(device.fd, "", Subtree::only_this_mount));
  if (mount.fd < 0) return from_kernel(mount.fd);
  return bind_at(mount.fd, place.fd);
}

ChildResult mount_task_child(const TargetStand& stand, const void* mount_task) {
  const auto& task = *static_cast<const MountTask*>(mount_task);
  const ChildFd place(open_as_target_child(task.target, O_PATH));
  if (place.fd < 0) return from_kernel(place.fd);
  switch (task.kind) {
    case MountTaskKind::tmpfs:
      return mount_fresh_tmpfs(stand, task, place.fd);
    case MountTaskKind::bind:
      return mount_copy(task, place.fd);
    case MountTaskKind::restrict_mount:
      return from_kernel(sys_mount_setattr(place.fd, task.attributes, 0, Subtree::only_this_mount));
  }
  return EPERM;
}

ChildResult see_directory_child(const TargetStand& stand, const void* sight_task) {
  const auto& task = *static_cast<const SightTask*>(sight_task);
  const ChildFd seen(sys_open_plain_in_root(stand.root, task.path));
  if (seen.fd < 0) return from_kernel(seen.fd);
  YETT_STEP(from_libc(::fchdir(seen.fd)));
  struct stat status{};
  YETT_STEP(from_libc(::fstat(seen.fd, &status)));
  return status.st_dev == task.device && status.st_ino == task.inode ? kDone : EACCES;
}

// Through the descriptor's link in the child's own /proc, which follows nothing further.
ChildResult set_attribute_child(const TargetStand& stand, const void* attribute_task) {
  const auto& task = *static_cast<const AttributeTask*>(attribute_task);
  const ChildFd found(
      task.path == nullptr
          ? ::fcntl(stand.file, F_DUPFD_CLOEXEC, 0)
          : open_as_target_child(task.path, task.follow ? O_PATH : O_PATH | O_NOFOLLOW));
  if (found.fd < 0) return task.path == nullptr ? errno : from_kernel(found.fd);
  char number[24];
  YETT_STEP(from_libc(::fchdir(stand.own_files)));
  const char* name = decimal(number, sizeof number, static_cast<std::uint64_t>(found.fd));
  return from_libc(::setxattr(name, task.name, task.value, task.size, task.flags));
}

}  // namespace yett

// The last touches of a container's root before it is entered.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/container/container_context.hpp"
#include "sandbox/guard/mount_entry_child.hpp"
#include "sandbox/guard/rootfs_child.hpp"

namespace yett {
namespace {

bool is_directory(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

ChildResult own_device(int parent, const char* name, const ContainerDevice& device) {
  // Not umask'd: umask is 0 here.
  YETT_STEP(from_libc(::mknodat(parent, name, device.mode, device.device)));
  return from_libc(::fchownat(parent, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW));
}

// A node that is there already stays when it is the same device, and is an error when not.
ChildResult existing_device(int parent, const char* name, const ContainerDevice& device) {
  struct stat status{};
  YETT_STEP(from_libc(::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW)));
  const bool same =
      (status.st_mode & S_IFMT) == (device.mode & S_IFMT) && status.st_rdev == device.device;
  return same ? kDone : EEXIST;
}

ChildResult make_device(int root, const ContainerDevice& device) {
  const int parent = open_parent(root, device.path.c_str());
  if (parent < 0) return from_kernel(parent);
  const char* name = last_component(device.path.c_str());
  ChildResult result = own_device(parent, name, device);
  if (result == EEXIST) result = existing_device(parent, name, device);
  ::close(parent);
  return result;
}

ChildResult make_link(int root, const ContainerLink& link) {
  const int parent = open_parent(root, link.path.c_str());
  if (parent < 0) return from_kernel(parent);
  const ChildResult made =
      from_libc(::symlinkat(link.target.c_str(), parent, last_component(link.path.c_str())));
  ::close(parent);
  return made == EEXIST ? kDone : made;
}

// The pty's slave is also /dev/console.
ChildResult mount_console(int root, int slave) {
  const int place = open_mount_point(root, "/dev/console", MountPoint::file);
  if (place < 0) return from_kernel(place);
  const int mount = sys_open_tree_clone(slave, "", Subtree::only_this_mount);
  ChildResult result = from_kernel(mount);
  if (result == kDone) result = from_kernel(sys_move_mount(mount, place, ""));
  if (mount >= 0) ::close(mount);
  ::close(place);
  return result;
}

constexpr std::uint64_t kMasked =
    mount_flags::kReadOnly | mount_flags::kNoSuid | mount_flags::kNoExec;

int make_mask(bool directory) {
  if (directory) return make_tmpfs({}, 0, 0, kMasked | mount_flags::kNoDev);
  const int mount = sys_open_tree_clone(AT_FDCWD, "/dev/null", Subtree::only_this_mount);
  if (mount < 0) return mount;
  const int set = sys_mount_setattr(mount, kMasked, 0, Subtree::only_this_mount);
  if (set >= 0) return mount;
  ::close(mount);
  return set;
}

// SECURITY(container-masks): onto the very object found inside, by fd, with the host's null device.
ChildResult mask_path(int root, const char* path) {
  const int place = open_inside(root, path);
  if (place == -ENOENT || place == -ENOTDIR) return kDone;
  if (place < 0) return from_kernel(place);
  const int mount = make_mask(is_directory(place));
  ChildResult result = from_kernel(mount);
  if (result == kDone) result = from_kernel(sys_move_mount(mount, place, ""));
  if (mount >= 0) ::close(mount);
  ::close(place);
  return result;
}

// SECURITY(container-read-only-paths): a read-only copy of the mount, with everything below.
ChildResult make_path_read_only(int root, const char* path) {
  const int place = open_inside(root, path);
  if (place == -ENOENT || place == -ENOTDIR) return kDone;
  if (place < 0) return from_kernel(place);
  const int mount = sys_open_tree_clone(place, "", Subtree::with_submounts);
  ChildResult result = from_kernel(mount);
  if (result == kDone)
    result =
        from_kernel(sys_mount_setattr(mount, mount_flags::kReadOnly, 0, Subtree::with_submounts));
  if (result == kDone) result = from_kernel(sys_move_mount(mount, place, ""));
  if (mount >= 0) ::close(mount);
  ::close(place);
  return result;
}

using PathStep = ChildResult (*)(int root, const char* path);

ChildResult for_each_path(ContainerContext& context, const std::vector<std::string>& paths,
                          PathStep step) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    context.detail = static_cast<int>(i);
    YETT_STEP(step(context.root, paths[i].c_str()));
  }
  context.detail = -1;
  return kDone;
}

}  // namespace

namespace container_steps {

ChildResult devices(ContainerContext& context) {
  const ContainerPlan& plan = *context.plan;
  for (std::size_t i = 0; i < plan.devices.size(); ++i) {
    context.detail = static_cast<int>(i);
    YETT_STEP(make_device(context.root, plan.devices[i]));
  }
  context.detail = -1;
  for (const ContainerLink& link : plan.links) YETT_STEP(make_link(context.root, link));
  return kDone;
}

ChildResult terminal(ContainerContext& context) {
  if (!context.process->terminal) return kDone;
  const RootfsState state{.root = context.root};
  YETT_STEP(open_terminal(state, context.process->uid, context.process->gid,
                          context.terminal_master, context.terminal_slave));
  const struct winsize size{.ws_row = context.process->rows,
                            .ws_col = context.process->columns,
                            .ws_xpixel = 0,
                            .ws_ypixel = 0};
  if (size.ws_row != 0) YETT_STEP(from_libc(::ioctl(context.terminal_slave, TIOCSWINSZ, &size)));
  const bool first = context.container_process < 0;
  return first ? mount_console(context.root, context.terminal_slave) : kDone;
}

ChildResult masks(ContainerContext& context) {
  YETT_STEP(for_each_path(context, context.plan->read_only_paths, make_path_read_only));
  return for_each_path(context, context.plan->masked_paths, mask_path);
}

}  // namespace container_steps
}  // namespace yett

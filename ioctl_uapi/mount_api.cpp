#include "ioctl_uapi/mount_api.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace yett {
namespace {

template <typename... Arguments>
int raw(long number, Arguments... arguments) {
  const long result = ::syscall(number, arguments...);
  return result < 0 ? -errno : static_cast<int>(result);
}

constexpr unsigned kEmptyPath = AT_EMPTY_PATH;
constexpr unsigned kRecursive = 0x8000;  // AT_RECURSIVE: glibc 2.36 hides it behind linux/fcntl.h

unsigned recursion(Subtree subtree) { return subtree == Subtree::with_submounts ? kRecursive : 0; }

}  // namespace

int sys_fsopen(const char* filesystem) { return raw(SYS_fsopen, filesystem, FSOPEN_CLOEXEC); }

int sys_fsconfig_string(int context, const char* key, const char* value) {
  return raw(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

int sys_fsconfig_flag(int context, const char* key) {
  return raw(SYS_fsconfig, context, FSCONFIG_SET_FLAG, key, nullptr, 0);
}

int sys_fsconfig_fd(int context, const char* key, int fd) {
  return raw(SYS_fsconfig, context, FSCONFIG_SET_FD, key, nullptr, fd);
}

int sys_fsconfig_create(int context) {
  return raw(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
}

int sys_fsmount(int context, std::uint64_t attributes) {
  return raw(SYS_fsmount, context, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes));
}

int sys_open_tree_clone(int directory, const char* path, Subtree subtree) {
  return raw(SYS_open_tree, directory, path,
             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | kEmptyPath | recursion(subtree));
}

int sys_move_mount(int mount, int directory, const char* path) {
  constexpr unsigned kFlags = MOVE_MOUNT_F_EMPTY_PATH;
  const bool onto_fd = path[0] == '\0';
  return raw(SYS_move_mount, mount, "", directory, path,
             onto_fd ? kFlags | MOVE_MOUNT_T_EMPTY_PATH : kFlags);
}

int sys_mount_setattr(int mount, std::uint64_t set, std::uint64_t clear, Subtree subtree) {
  struct mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  return raw(SYS_mount_setattr, mount, "", kEmptyPath | recursion(subtree), &attributes,
             sizeof attributes);
}

int sys_mount_idmap(int mount, int user_namespace, Subtree subtree) {
  struct mount_attr attributes{};
  attributes.attr_set = mount_flags::kIdMap;
  attributes.userns_fd = static_cast<std::uint64_t>(user_namespace);
  return raw(SYS_mount_setattr, mount, "", kEmptyPath | recursion(subtree), &attributes,
             sizeof attributes);
}

int sys_mount_propagation(int mount, unsigned long flags) {
  struct mount_attr attributes{};
  attributes.propagation = flags & ~static_cast<unsigned long>(MS_REC);
  const Subtree subtree =
      (flags & MS_REC) != 0 ? Subtree::with_submounts : Subtree::only_this_mount;
  return raw(SYS_mount_setattr, mount, "", kEmptyPath | recursion(subtree), &attributes,
             sizeof attributes);
}

int sys_open_in_root(int root, const char* path, int flags, std::uint32_t mode) {
  struct open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.mode = mode;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return raw(SYS_openat2, root, path, &how, sizeof how);
}

int sys_open_beneath(int directory, const char* path, int flags) {
  struct open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH;
  return raw(SYS_openat2, directory, path, &how, sizeof how);
}

int sys_open_without_magic(const char* path, int flags) {
  struct open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_NO_MAGICLINKS;
  return raw(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

int sys_open_plain_beneath(int directory, const char* path) {
  struct open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  return raw(SYS_openat2, directory, path, &how, sizeof how);
}

int sys_open_plain_in_root(int root, const char* path) {
  struct open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
  return raw(SYS_openat2, root, path, &how, sizeof how);
}

}  // namespace yett

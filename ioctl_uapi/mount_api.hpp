// The fd-based mount system calls (Linux 5.2 to 5.12; man fsopen(2), mount_setattr(2)), which
// glibc 2.36 wraps only in part. Thin: each returns what the kernel returned, or -errno; none
// allocates, so all may run between clone and exec.
#pragma once

#include <cstdint>

#include "base/unique_fd.hpp"

namespace yett {

namespace mount_flags {
inline constexpr std::uint64_t kReadOnly = 0x1;              // MOUNT_ATTR_RDONLY
inline constexpr std::uint64_t kNoSuid = 0x2;                // MOUNT_ATTR_NOSUID
inline constexpr std::uint64_t kNoDev = 0x4;                 // MOUNT_ATTR_NODEV
inline constexpr std::uint64_t kNoExec = 0x8;                // MOUNT_ATTR_NOEXEC
inline constexpr std::uint64_t kNoSymlinkFollow = 0x200000;  // MOUNT_ATTR_NOSYMFOLLOW
inline constexpr std::uint64_t kIdMap = 0x100000;            // MOUNT_ATTR_IDMAP
}  // namespace mount_flags

// fsopen(2): a context for the named filesystem. fd or -errno.
int sys_fsopen(const char* filesystem);
// fsconfig(2) FSCONFIG_SET_STRING, _SET_FLAG, _SET_FD and _CMD_CREATE. 0 or -errno.
int sys_fsconfig_string(int context, const char* key, const char* value);
int sys_fsconfig_flag(int context, const char* key);
int sys_fsconfig_fd(int context, const char* key, int fd);
int sys_fsconfig_create(int context);
// fsmount(2) with mount_flags. A detached mount's fd or -errno.
int sys_fsmount(int context, std::uint64_t attributes);
// open_tree(2): OPEN_TREE_CLONE of `path` below `directory` (AT_FDCWD for absolute paths).
enum class Subtree { only_this_mount, with_submounts };
int sys_open_tree_clone(int directory, const char* path, Subtree subtree);
// move_mount(2): attaches the detached mount `mount` at `path` below `directory`; an empty path
// means the directory fd itself.
int sys_move_mount(int mount, int directory, const char* path);
// mount_setattr(2) on the mount `mount` itself or with everything below it.
int sys_mount_setattr(int mount, std::uint64_t set, std::uint64_t clear, Subtree subtree);
// MOUNT_ATTR_IDMAP by the user namespace `user_namespace`; only before the mount is attached.
int sys_mount_idmap(int mount, int user_namespace, Subtree subtree = Subtree::only_this_mount);
// mount_setattr(2): MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE; with MS_REC of the submounts
// too.
int sys_mount_propagation(int mount, unsigned long flags);
// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: `path` as it is seen from `root`.
int sys_open_in_root(int root, const char* path, int flags, std::uint32_t mode);
// The same where no part of the way leads above `directory`: else -EXDEV, as for magic links.
int sys_open_beneath(int directory, const char* path, int flags);
// sys_open_in_root() for O_PATH, and -ELOOP where any part of `path` is a link.
int sys_open_plain_in_root(int root, const char* path);
// The same below `directory` (-EXDEV for what leads above it), and -EXDEV where another mount
// begins.
int sys_open_plain_beneath(int directory, const char* path);
// openat2(2) from the working directory with RESOLVE_NO_MAGICLINKS.
int sys_open_without_magic(const char* path, int flags);

// A mount that is not attached anywhere; it dissolves when its fd closes.
class DetachedMount {
 public:
  DetachedMount() = default;
  explicit DetachedMount(UniqueFd fd) : fd_(static_cast<UniqueFd&&>(fd)) {}
  [[nodiscard]] BorrowedFd fd() const { return fd_.borrow(); }
  [[nodiscard]] bool valid() const { return fd_.valid(); }

 private:
  UniqueFd fd_;
};

}  // namespace yett

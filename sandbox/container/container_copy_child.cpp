// "tmpcopyup": a tmpfs that begins with what it covers. Copied by the container's own process: what
// it takes is counted in the container's cgroup, bounded by the tmpfs, and gone with the process.
#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/container/container_context.hpp"
#include "sandbox/guard/mount_entry_child.hpp"

namespace yett {
namespace {

constexpr int kDeepest = 64;

ChildResult copy_entries(int from, int to, int depth);

// An id that this user namespace does not have stays root's of it, without the bits that would make
// whoever executes the file root.
ChildResult own(int copy, const struct stat& status) {
  const ChildResult owned = from_libc(::fchown(copy, status.st_uid, status.st_gid));
  if (owned != kDone && owned != EINVAL) return owned;
  const mode_t kept = owned == kDone ? 07777 : 0777;
  return from_libc(::fchmod(copy, status.st_mode & kept));
}

ChildResult copy_bytes(int from, int to) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  for (;;) {
    const ssize_t moved = ::sendfile(to, from, nullptr, kPiece);
    if (moved < 0) return errno;
    if (moved == 0) return kDone;
  }
}

ChildResult copy_opened(int source, const struct stat& status, int to, const char* name) {
  const int copy = ::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (copy < 0) return errno;
  ChildResult result = copy_bytes(source, copy);
  if (result == kDone) result = own(copy, status);
  ::close(copy);
  return result;
}

// SECURITY(container-copy-up): who shares the root may put a pipe or a device in the file's place
// after it was looked at. Neither holds the opening up (a device cannot be opened there at all),
// and what was opened is looked at once more.
ChildResult copy_file(int from, int to, const char* name) {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const int source = ::openat(from, name, kFlags);
  if (source < 0) return errno;
  struct stat opened{};
  ChildResult result = from_libc(::fstat(source, &opened));
  if (result == kDone)
    result = S_ISREG(opened.st_mode) ? copy_opened(source, opened, to, name) : ESTALE;
  ::close(source);
  return result;
}

ChildResult copy_link(int from, int to, const char* name) {
  char target[4096] = {};
  if (::readlinkat(from, name, target, sizeof target - 1) < 0) return errno;
  return from_libc(::symlinkat(target, to, name));
}

ChildResult copy_opened_directory(int source, int copy, int depth) {
  struct stat status{};
  YETT_STEP(from_libc(::fstat(source, &status)));
  YETT_STEP(copy_entries(source, copy, depth + 1));
  return own(copy, status);
}

ChildResult copy_directory(int from, int to, const char* name, int depth) {
  YETT_STEP(from_libc(::mkdirat(to, name, 0700)));
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const int source = ::openat(from, name, kFlags);
  if (source < 0) return errno;
  const int copy = ::openat(to, name, kFlags);
  const ChildResult result = copy < 0 ? errno : copy_opened_directory(source, copy, depth);
  if (copy >= 0) ::close(copy);
  ::close(source);
  return result;
}

// What is neither file, directory nor link is left out.
ChildResult copy_entry(int from, int to, const char* name, int depth) {
  struct stat status{};
  YETT_STEP(from_libc(::fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW)));
  if (S_ISDIR(status.st_mode)) return copy_directory(from, to, name, depth);
  if (S_ISREG(status.st_mode)) return copy_file(from, to, name);
  if (!S_ISLNK(status.st_mode)) return kDone;
  YETT_STEP(copy_link(from, to, name));
  const ChildResult owned =
      from_libc(::fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW));
  return owned == EINVAL ? kDone : owned;
}

bool is_dots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

ChildResult copy_entries(int from, int to, int depth) {
  if (depth > kDeepest) return ELOOP;
  alignas(struct dirent64) char entries[4096];
  for (;;) {
    const ssize_t size = ::getdents64(from, entries, sizeof entries);
    if (size < 0) return errno;
    if (size == 0) return kDone;
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const struct dirent64*>(entries + at);
      if (!is_dots(entry->d_name)) YETT_STEP(copy_entry(from, to, entry->d_name, depth));
      at += entry->d_reclen;
    }
  }
}

// The covered directory as it is seen inside, with what is mounted below it, where no device can be
// opened. fd or -errno. SECURITY(container-mount-target)
int open_covered(int root, const char* target) {
  const int place = open_inside(root, target);
  if (place < 0) return place;
  const int tree = sys_open_tree_clone(place, "", Subtree::with_submounts);
  ::close(place);
  if (tree < 0) return tree;
  constexpr std::uint64_t kLookedAt =
      mount_flags::kReadOnly | mount_flags::kNoSuid | mount_flags::kNoDev | mount_flags::kNoExec;
  int result = sys_mount_setattr(tree, kLookedAt, 0, Subtree::with_submounts);
  if (result >= 0) {
    result = ::openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result < 0) result = -errno;
  }
  ::close(tree);
  return result;
}

ChildResult fill(int mount, int root, const char* target) {
  const int covered = open_covered(root, target);
  if (covered == -ENOENT) return kDone;
  if (covered < 0) return from_kernel(covered);
  const int top = ::openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const ChildResult result = top < 0 ? errno : copy_entries(covered, top, 0);
  if (top >= 0) ::close(top);
  ::close(covered);
  return result;
}

}  // namespace

int make_copied_tmpfs(int root, const ContainerMount& entry) {
  const int mount = make_container_filesystem(entry, entry.set & ~mount_flags::kReadOnly);
  if (mount < 0) return mount;
  ChildResult result = fill(mount, root, entry.target.c_str());
  if (result == kDone && (entry.set & mount_flags::kReadOnly) != 0)
    result =
        from_kernel(sys_mount_setattr(mount, mount_flags::kReadOnly, 0, Subtree::only_this_mount));
  if (result == kDone) return mount;
  ::close(mount);
  return -result;
}

}  // namespace yett

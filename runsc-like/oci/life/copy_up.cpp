#include "runsc-like/oci/life/copy_up.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string_view>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/container/container_context.hpp"

namespace yett::oci {
namespace {

constexpr int kDeepest = 64;

Status copy_entries(int from, int to, int depth);

Status own(int directory, const char* name, const struct stat& status) {
  if (::fchownat(directory, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
    return fail(errno_error("chown", name));
  if (!S_ISLNK(status.st_mode) && ::fchmodat(directory, name, status.st_mode & 07777, 0) != 0)
    return fail(errno_error("chmod", name));
  return {};
}

Status copy_file(int from, int to, const char* name) {
  const UniqueFd source(::openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const UniqueFd copy(::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!source.valid() || !copy.valid()) return fail(errno_error("copy", name));
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  ssize_t moved = 0;
  while ((moved = ::sendfile(copy.get(), source.get(), nullptr, kPiece)) > 0) {
  }
  if (moved < 0) return fail(errno_error("copy", name));
  return {};
}

Status copy_link(int from, int to, const char* name) {
  std::array<char, 4096> target{};
  const ssize_t length = ::readlinkat(from, name, target.data(), target.size() - 1);
  if (length < 0 || ::symlinkat(target.data(), to, name) != 0)
    return fail(errno_error("copy", name));
  return {};
}

Status copy_directory(int from, int to, const char* name, int depth) {
  if (::mkdirat(to, name, 0700) != 0) return fail(errno_error("mkdir", name));
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd source(::openat(from, name, kFlags));
  const UniqueFd copy(::openat(to, name, kFlags));
  if (!source.valid() || !copy.valid()) return fail(errno_error("copy", name));
  return copy_entries(source.get(), copy.get(), depth + 1);
}

Status copy_entry(int from, int to, const char* name, int depth) {
  struct stat status{};
  if (::fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return fail(errno_error("copy", name));
  if (S_ISDIR(status.st_mode)) {
    YETT_CHECK(copy_directory(from, to, name, depth));
  } else if (S_ISREG(status.st_mode)) {
    YETT_CHECK(copy_file(from, to, name));
  } else if (S_ISLNK(status.st_mode)) {
    YETT_CHECK(copy_link(from, to, name));
  } else {
    return {};
  }
  return own(to, name, status);
}

Status copy_entries(int from, int to, int depth) {
  if (depth > kDeepest) return fail(errno_error(ELOOP, "copy", "tmpcopyup"));
  const int listed = ::fcntl(from, F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(listed), ::closedir);
  if (!entries) return fail(errno_error("list", "tmpcopyup"));
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") YETT_CHECK(copy_entry(from, to, entry->d_name, depth));
  }
  return {};
}

// The covered directory, as it is seen inside. SECURITY(container-mount-target)
Result<UniqueFd> open_covered(const std::string& root, const std::string& target) {
  const UniqueFd top(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top.valid()) return fail(errno_error("open", root));
  const int opened =
      sys_open_in_root(top.get(), target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (opened < 0 && opened != -ENOENT) return fail(errno_error(-opened, "open", target));
  return UniqueFd(opened < 0 ? -1 : opened);
}

}  // namespace

Status make_copied_tmpfs(const std::string& root, ContainerMount& mount) {
  YETT_TRY(const UniqueFd covered, open_covered(root, mount.target));
  const std::uint64_t attributes = mount.set;
  mount.set &= ~mount_flags::kReadOnly;  // until the copy is made
  const int made = make_container_filesystem(mount);
  if (made < 0) return fail(errno_error(-made, "mount", "tmpfs at " + mount.target));
  mount.opened.reset(made);
  mount.set = attributes;
  if (covered.valid()) {
    const UniqueFd top(::openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!top.valid()) return fail(errno_error("open", "tmpfs at " + mount.target));
    YETT_CHECK(copy_entries(covered.get(), top.get(), 0));
  }
  const int set = sys_mount_setattr(made, attributes, 0, Subtree::only_this_mount);
  if (set < 0 && attributes != 0) return fail(errno_error(-set, "mount", mount.target));
  return {};
}

}  // namespace yett::oci

// One change of a sandbox's made on the host: whole or not at all.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "ioctl_uapi/mount_api.hpp"
#include "runsc-like/images/remove_tree.hpp"
#include "runsc-like/sandboxes/redirected_changes.hpp"
#include "supervisor/redirect/copy_bytes.hpp"

namespace yett {
namespace {

struct Name {
  BorrowedFd directory;
  std::string name;
};

Status done(int result, const char* operation, const std::string& path) {
  if (result == 0) return {};
  return fail(errno_error(operation, path));
}

std::string name_for_a_while() { return ".yett-commit-" + std::to_string(::getpid()); }

// What is there is of another kind.
Status make_room(const Name& host, mode_t wanted) {
  struct stat there{};
  if (::fstatat(host.directory.get(), host.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0)
    return {};
  const bool is_directory = S_ISDIR(there.st_mode);
  if (is_directory == S_ISDIR(wanted)) return {};
  return remove_tree(host.directory, host.name);
}

Status put_in_place(const Name& host, const std::string& made, const std::string& path) {
  const int put =
      ::renameat(host.directory.get(), made.c_str(), host.directory.get(), host.name.c_str());
  const Status result = done(put, "commit", path);
  if (!result) ::unlinkat(host.directory.get(), made.c_str(), 0);
  return result;
}

Status commit_directory(const Name& host, const struct stat& ours, const std::string& path) {
  if (::mkdirat(host.directory.get(), host.name.c_str(), 0700) != 0 && errno != EEXIST)
    return done(-1, "make", path);
  return done(::fchmodat(host.directory.get(), host.name.c_str(), ours.st_mode & 0777U, 0),
              "set the mode of", path);
}

Status commit_link(BorrowedFd object, const Name& host, const std::string& path) {
  std::array<char, PATH_MAX> text{};
  if (::readlinkat(object.get(), "", text.data(), text.size() - 1) < 0)
    return done(-1, "read", path);
  const std::string made = name_for_a_while();
  YETT_CHECK(done(::symlinkat(text.data(), host.directory.get(), made.c_str()), "make", path));
  return put_in_place(host, made, path);
}

Status commit_file(BorrowedFd object, const struct stat& ours, const Name& host,
                   const std::string& path) {
  const std::string again = "/proc/self/fd/" + std::to_string(object.get());
  const UniqueFd from(::open(again.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from.valid()) return done(-1, "read", path);
  const std::string made = name_for_a_while();
  const UniqueFd into(::openat(host.directory.get(), made.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!into.valid()) return done(-1, "make", path);
  const std::array<struct timespec, 2> times{ours.st_atim, ours.st_mtim};
  const int error = copy_bytes(from.borrow(), into.borrow());
  if (error != 0 || ::fchmod(into.get(), ours.st_mode & 0777U) != 0 ||
      ::futimens(into.get(), times.data()) != 0) {
    const Error failure = errno_error(error != 0 ? error : errno, "commit", path);
    ::unlinkat(host.directory.get(), made.c_str(), 0);
    return fail(failure);
  }
  return put_in_place(host, made, path);
}

}  // namespace

Status RedirectedChanges::commit(const TreeChange& change) const {
  const std::size_t slash = change.path.rfind('/');
  const std::string above = slash == 0 ? "/" : change.path.substr(0, slash);
  const UniqueFd directory(sys_open_plain_in_root(host_.get(), above.c_str()));
  if (!directory.valid()) return done(-1, "open", above);
  const Name host{directory.borrow(), change.path.substr(slash + 1)};
  if (change.kind == ChangeKind::deleted) return remove_tree(host.directory, host.name);
  const UniqueFd object(
      ::openat(tree_.get(), change.path.c_str() + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat ours{};
  if (!object.valid() || ::fstat(object.get(), &ours) != 0) return done(-1, "read", change.path);
  YETT_CHECK(make_room(host, ours.st_mode));
  if (S_ISDIR(ours.st_mode)) return commit_directory(host, ours, change.path);
  if (S_ISLNK(ours.st_mode)) return commit_link(object.borrow(), host, change.path);
  return commit_file(object.borrow(), ours, host, change.path);
}

}  // namespace yett

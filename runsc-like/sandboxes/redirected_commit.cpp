// One change of a sandbox's made on the host: whole or not at all.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "ioctl_uapi/mount_api.hpp"
#include "runsc-like/images/beneath.hpp"
#include "runsc-like/images/remove_tree.hpp"
#include "runsc-like/sandboxes/host_removal.hpp"
#include "runsc-like/sandboxes/redirected_changes.hpp"
#include "supervisor/emulate/change_records.hpp"
#include "supervisor/redirect/copy_bytes.hpp"

namespace yett {
namespace {

Status done(int result, const char* operation, const std::string& path) {
  if (result == 0) return {};
  return fail(errno_error(operation, path));
}

std::string name_for_a_while() { return ".yett-commit-" + std::to_string(::getpid()); }

// What is there is of another kind.
Status make_room(const HostName& host, mode_t wanted, BorrowedFd listing) {
  struct stat there{};
  if (::fstatat(host.directory.get(), host.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0)
    return {};
  const bool is_directory = S_ISDIR(there.st_mode);
  if (is_directory == S_ISDIR(wanted)) return {};
  if (is_directory) {
    YETT_TRY(const FileTime listed, made_in_tree(listing, host.path));
    YETT_TRY(const std::vector<std::string> newer, find_newer(host, listed));
    if (!newer.empty())
      return fail(host_error(newer.front(), "changed on the host since the sandbox saw it",
                             "move it away, then commit again"));
  }
  return remove_tree(host.directory, host.name);
}

Status put_in_place(const HostName& host, const std::string& made, const std::string& path) {
  const int put =
      ::renameat(host.directory.get(), made.c_str(), host.directory.get(), host.name.c_str());
  const Status result = done(put, "commit", path);
  if (!result) ::unlinkat(host.directory.get(), made.c_str(), 0);
  return result;
}

Status commit_directory(const HostName& host, const struct stat& ours, const std::string& path) {
  if (::mkdirat(host.directory.get(), host.name.c_str(), 0700) != 0 && errno != EEXIST)
    return done(-1, "make", path);
  const UniqueFd made = open_beneath(host.directory, host.name, O_PATH | O_NOFOLLOW | O_DIRECTORY);
  if (!made.valid()) return done(-1, "open", path);
  const std::string itself = "/proc/self/fd/" + std::to_string(made.get());
  return done(::chmod(itself.c_str(), ours.st_mode & 0777U), "set the mode of", path);
}

Status commit_link(BorrowedFd object, const HostName& host, const std::string& path) {
  std::array<char, PATH_MAX> text{};
  if (::readlinkat(object.get(), "", text.data(), text.size() - 1) < 0)
    return done(-1, "read", path);
  const std::string made = name_for_a_while();
  YETT_CHECK(done(::symlinkat(text.data(), host.directory.get(), made.c_str()), "make", path));
  return put_in_place(host, made, path);
}

Status commit_file(BorrowedFd object, const struct stat& ours, const HostName& host,
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
  YETT_CHECK(put_in_place(host, made, path));
  // Where it cannot be kept, the next commit asks.
  static_cast<void>(change_records::note_committed(object, into.borrow()));
  return {};
}

}  // namespace

Result<std::vector<std::string>> RedirectedChanges::commit(const TreeChange& change) const {
  const std::size_t slash = change.path.rfind('/');
  const std::string above = slash == 0 ? "/" : change.path.substr(0, slash);
  const UniqueFd directory(sys_open_plain_in_root(host_.get(), above.c_str()));
  if (!directory.valid()) return fail(errno_error("open", above));
  const UniqueFd listing = open_beneath(tree_.borrow(), above.substr(1), O_RDONLY | O_DIRECTORY);
  if (!listing.valid()) return fail(errno_error("open", above));
  const HostName host{directory.borrow(), change.path.substr(slash + 1), change.path};
  if (change.kind == ChangeKind::deleted) {
    YETT_TRY(const FileTime listed, made_in_tree(listing.borrow(), above));
    return remove_older(host, listed);
  }
  const UniqueFd object(
      ::openat(tree_.get(), change.path.c_str() + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat ours{};
  if (!object.valid() || ::fstat(object.get(), &ours) != 0)
    return fail(errno_error("read", change.path));
  YETT_CHECK(make_room(host, ours.st_mode, listing.borrow()));
  if (S_ISDIR(ours.st_mode))
    YETT_CHECK(commit_directory(host, ours, change.path));
  else if (S_ISLNK(ours.st_mode))
    YETT_CHECK(commit_link(object.borrow(), host, change.path));
  else
    YETT_CHECK(commit_file(object.borrow(), ours, host, change.path));
  return std::vector<std::string>();
}

}  // namespace yett

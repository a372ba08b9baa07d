#include "supervisor/redirect/change_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>
#include <utility>

#include "ioctl_uapi/mount_api.hpp"
#include "supervisor/emulate/change_records.hpp"
#include "supervisor/redirect/clock_tick.hpp"

namespace yett {
namespace {

constexpr mode_t kPermissions = 0777;
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// From the root of the tree; as long as `path` is there.
const char* below(const std::string& path) { return path == "/" ? "." : path.c_str() + 1; }

// Nothing: the end, or errno is not 0.
const dirent* next_of(DIR* entries) {
  errno = 0;
  return ::readdir(entries);
}

int error_of(int result) { return result == 0 ? 0 : errno; }

// SECURITY(redirect-own-directory): who else can write there swaps what the supervisor works on.
Status check_own(BorrowedFd directory, const std::string& name) {
  struct stat status{};
  if (::fstat(directory.get(), &status) != 0) return fail(errno_error("look at", name));
  if (status.st_uid != ::geteuid())
    return fail(
        request_error("--overlay " + name, "it is another user's", "name a directory of your own"));
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(request_error("--overlay " + name, "others can write in it",
                              "chmod go-w it, or name another directory"));
  return {};
}

Result<UniqueFd> make_and_open(BorrowedFd directory, const char* name) {
  if (::mkdirat(directory.get(), name, 0700) != 0 && errno != EEXIST)
    return fail(errno_error("make", name));
  UniqueFd made(::openat(directory.get(), name, kDirectory));
  if (!made.valid()) return fail(errno_error("open", name));
  YETT_CHECK(check_own(made.borrow(), name));
  return made;
}

}  // namespace

// ---- what is there ------------------------------------------------------------------------------

Result<ChangeTree> ChangeTree::open(const RedirectPlan& plan, std::uint64_t file_size,
                                    TakeRoom take_room) {
  ChangeTree tree(plan, file_size, std::move(take_room));
  YETT_CHECK(tree.open_directories(plan));
  tree.opened_at_ = current_tick();
  tree.directories_["/"] = Kind::transparent;
  YETT_CHECK(tree.load("/"));
  return tree;
}

Status ChangeTree::open_directories(const RedirectPlan& plan) {
  lock_.reset(::open(plan.directory.c_str(), kDirectory));
  if (!lock_.valid()) return fail(errno_error("open", "--overlay " + plan.directory));
  YETT_CHECK(check_own(lock_.borrow(), plan.directory));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(errno == EWOULDBLOCK
                    ? request_error("--overlay " + plan.directory, "another sandbox has it",
                                    "wait for its end, or name another directory")
                    : errno_error("lock", plan.directory));
  YETT_TRY(root_, make_and_open(lock_.borrow(), kChangesName));
  YETT_TRY(making_, make_and_open(lock_.borrow(), kMakingName));
  if (change_records::try_at(root_.borrow()) != 0)
    return fail(host_error("--overlay " + plan.directory, "its file system keeps no attributes",
                           "keep redirected changes on ext4, xfs, btrfs or tmpfs"));
  host_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!host_.valid()) return fail(errno_error("open", "/"));
  std::array<char, PATH_MAX> text{};
  const std::string link = "/proc/self/fd/" + std::to_string(root_.get());
  const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
  if (size <= 0) return fail(errno_error("find", plan.directory));
  place_.assign(text.data(), static_cast<std::size_t>(size));
  return {};
}

// A tree may be deeper than there are descriptors, and than a path can say: nobody comes there
// then.
Status ChangeTree::load(const std::string& directory) {
  std::vector<std::string> found;
  YETT_CHECK(load_one(directory, found));
  for (const std::string& path : found) YETT_CHECK(load(path));
  return {};
}

Status ChangeTree::load_one(const std::string& directory, std::vector<std::string>& found) {
  const int opened = ::openat(root_.get(), below(directory), kDirectory);
  if (opened < 0 && errno == ENAMETOOLONG) return {};
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(opened), ::closedir);
  if (!entries) return fail(errno_error("read", place_ + directory));
  while (const dirent* entry = next_of(entries.get())) {
    const std::string name(entry->d_name);
    if (name == "." || name == "..") continue;
    is_empty_ = false;
    struct stat status{};
    if (::fstatat(opened, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(errno_error("read", place_ + directory));
    if (!S_ISDIR(status.st_mode) || change_marks::is_placeholder(status)) continue;
    const std::string path = join(directory, name);
    directories_[path] = change_marks::is_transparent(status) ? Kind::transparent : Kind::listed;
    found.push_back(path);
  }
  if (errno != 0) return fail(errno_error("read", place_ + directory));
  return {};
}

Look ChangeTree::look(const std::string& path) const {
  std::string above = path;
  while (!directories_.contains(above)) above = parent_of(above);
  Look found;
  const std::size_t end = path.find('/', above == "/" ? 1 : above.size() + 1);
  const std::string first = above == path ? path : path.substr(0, end);
  if (::fstatat(root_.get(), below(first), &found.status, AT_SYMLINK_NOFOLLOW) != 0) {
    found.standing = shines_through(above) ? Standing::untouched : Standing::removed;
    return found;
  }
  const bool is_other_directory = S_ISDIR(found.status.st_mode) && above != path;
  if (is_other_directory || change_marks::is_placeholder(found.status)) return found;
  found.status.st_mode &= ~change_marks::kMark;
  found.standing = first == path ? Standing::ours : Standing::removed;
  return found;
}

std::string ChangeTree::link_text(const std::string& path) const {
  std::array<char, PATH_MAX> text{};
  const ssize_t size = ::readlinkat(root_.get(), below(path), text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

std::optional<struct stat> ChangeTree::look_at_host(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

bool ChangeTree::has_plain_on_host(const std::string& path) const {
  return UniqueFd(sys_open_plain_in_root(host_.get(), path.c_str())).valid();
}

bool ChangeTree::is_directory_of_ours(std::string_view path) const {
  return directories_.contains(path);
}

bool ChangeTree::shines_through(const std::string& directory) const {
  const auto found = directories_.find(directory);
  return found == directories_.end() || found->second == Kind::transparent;
}

// ---- descriptors --------------------------------------------------------------------------------

UniqueFd ChangeTree::parent(const std::string& path) const {
  return UniqueFd(sys_open_plain_beneath(root_.get(), below(parent_of(path))));
}

int ChangeTree::open_to_give(const std::string& path, int flags) const {
  return open_ours(path, flags & ~(O_PATH | O_CREAT | O_EXCL));
}

int ChangeTree::open_in_known(const std::string& path, int flags) {
  const std::size_t slash = path.rfind('/');
  const std::string_view directory = std::string_view(path).substr(0, slash);
  if (!last_directory_.valid() || last_ != directory) {
    last_ = directory;
    last_directory_ = parent(path);
  }
  return open_below(last_directory_.borrow(), path.c_str() + slash + 1, flags, 0);
}

int ChangeTree::open_ours(const std::string& path, int flags, mode_t mode) const {
  return open_below(root_.borrow(), below(path), flags, mode);
}

int ChangeTree::open_below(BorrowedFd directory, const char* path, int flags, mode_t mode) {
  // openat2 refuses what open ignores.
  constexpr int kOfPath = O_PATH | O_DIRECTORY;
  constexpr int kMeant = O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC |
                         O_SYNC | O_DIRECTORY;
  const int meant = (flags & O_PATH) != 0 ? flags & kOfPath : (flags & kMeant) | O_NOCTTY;
  struct open_how how{};
  how.flags = static_cast<std::uint64_t>(meant | O_NOFOLLOW | O_CLOEXEC);
  if ((flags & O_CREAT) != 0) how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const long opened = ::syscall(SYS_openat2, directory.get(), path, &how, sizeof how);
  return opened >= 0 ? static_cast<int>(opened) : -errno;
}

int ChangeTree::find_ours(const std::string& path, UniqueFd& object) const {
  const int opened = open_ours(path, O_PATH);
  if (opened < 0) return -opened;
  object.reset(opened);
  return 0;
}

int ChangeTree::open_host(const std::string& path, int flags) const {
  if (!places_.is_shown(path)) return -EACCES;
  const UniqueFd object(sys_open_plain_in_root(host_.get(), path.c_str()));
  if (!object.valid()) return -EACCES;
  struct stat status{};
  if (::fstat(object.get(), &status) != 0) return -errno;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return -EACCES;
  constexpr int kMeant = O_DIRECTORY | O_NONBLOCK;
  const std::string again = "/proc/self/fd/" + std::to_string(object.get());
  const int opened = ::open(again.c_str(), (flags & kMeant) | O_RDONLY | O_CLOEXEC | O_NOCTTY);
  return opened >= 0 ? opened : -errno;
}

// What the host had before the sandbox began is older than all that the tree has.
void ChangeTree::begin_change() {
  if (!has_begun_) await_later_tick(opened_at_);
  has_begun_ = true;
  is_empty_ = false;
}

// ---- names --------------------------------------------------------------------------------------

int ChangeTree::open_new(const std::string& path, int flags, mode_t mode) {
  begin_change();
  const int opened = open_ours(path, flags | O_CREAT | O_EXCL, 0600);
  if (opened < 0) return opened;
  static_cast<void>(::fchmod(opened, mode & kPermissions));
  return opened;
}

int ChangeTree::make_directory(const std::string& path, mode_t mode) {
  if (directories_.size() >= kMostDirectories) return ENOSPC;
  begin_change();
  const UniqueFd directory = parent(path);
  if (::mkdirat(directory.get(), name_of(path).c_str(), 0700) != 0) return errno;
  directories_[path] = Kind::listed;
  note_what_it_replaces(path);
  return set_mode(path, mode);
}

int ChangeTree::make_link(const std::string& path, const std::string& text) {
  begin_change();
  return error_of(::symlinkat(text.c_str(), parent(path).get(), name_of(path).c_str()));
}

int ChangeTree::remove_file(const std::string& path) {
  return error_of(::unlinkat(parent(path).get(), name_of(path).c_str(), 0));
}

int ChangeTree::remove_directory(const std::string& path) {
  last_directory_.reset();
  const int error = error_of(::unlinkat(parent(path).get(), name_of(path).c_str(), AT_REMOVEDIR));
  if (error == 0) directories_.erase(path);
  return error;
}

// No directory of the tree may come to where no path reaches.
bool ChangeTree::is_too_long(const std::string& from, const std::string& to) const {
  const std::string below = from + "/";
  for (auto each = directories_.lower_bound(below); each != directories_.end(); ++each) {
    if (!each->first.starts_with(below)) return false;
    if (to.size() + each->first.size() - from.size() >= PATH_MAX) return true;
  }
  return false;
}

// What it replaces is gone with all that the tree knows of it: an empty directory, or a file.
int ChangeTree::rename(const std::string& from, const std::string& to, unsigned flags) {
  last_directory_.reset();
  if (is_too_long(from, to)) return ENAMETOOLONG;
  const UniqueFd source = parent(from);
  const UniqueFd target = parent(to);
  if (::syscall(SYS_renameat2, source.get(), name_of(from).c_str(), target.get(),
                name_of(to).c_str(), flags) != 0)
    return errno;
  std::map<std::string, Kind, std::less<>> moved;
  const auto is_moved = [&from](const std::string& path) {
    return path == from || path.starts_with(from + "/");
  };
  for (auto each = directories_.lower_bound(from); each != directories_.end();) {
    if (!each->first.starts_with(from)) break;
    if (!is_moved(each->first)) {
      ++each;
      continue;
    }
    moved[to + each->first.substr(from.size())] = each->second;
    each = directories_.erase(each);
  }
  directories_.erase(to);
  directories_.merge(moved);
  if (directories_.contains(to))
    note_what_it_replaces(to);
  else
    forget_taken(to);
  return 0;
}

// SECURITY(redirect-listed): a directory of the sandbox's own stands for one of the host's, and for
// the removal of all that is in it, where that one was shown and was removed: it is as it was when
// the directory above it was listed.
void ChangeTree::note_what_it_replaces(const std::string& path) const {
  UniqueFd ours;
  if (find_ours(path, ours) != 0) return;
  change_records::forget_listed(ours.borrow());
  const UniqueFd host(sys_open_plain_in_root(host_.get(), path.c_str()));
  struct statx hosts{};
  struct statx above{};
  if (!host.valid() || !places_.is_shown(path) || shines_through(parent_of(path))) return;
  constexpr unsigned kWanted = STATX_TYPE | STATX_CTIME | STATX_BTIME;
  if (::statx(host.get(), "", AT_EMPTY_PATH, kWanted, &hosts) != 0 || !S_ISDIR(hosts.stx_mode) ||
      ::statx(parent(path).get(), "", AT_EMPTY_PATH, kWanted, &above) != 0 ||
      (above.stx_mask & STATX_BTIME) == 0)
    return;
  const auto when = [](const struct statx_timestamp& time) {
    return std::pair(time.tv_sec, time.tv_nsec);
  };
  if (when(hosts.stx_ctime) < when(above.stx_btime))
    static_cast<void>(change_records::note_listed(ours.borrow(), host.borrow()));
}

// What it is a copy of is the host's of another name: when it was made tells of this one.
void ChangeTree::forget_taken(const std::string& path) const {
  UniqueFd ours;
  if (find_ours(path, ours) == 0) change_records::forget_taken(ours.borrow());
}

int ChangeTree::link(const std::string& from, const std::string& to) {
  const UniqueFd source = parent(from);
  const int error = error_of(
      ::linkat(source.get(), name_of(from).c_str(), parent(to).get(), name_of(to).c_str(), 0));
  if (error == 0) forget_taken(to);
  return error;
}

// Ours to enter, whatever the sandbox says; and it sets no mark.
int ChangeTree::set_mode(const std::string& path, mode_t mode) {
  const bool is_directory = directories_.contains(path);
  mode_t kept = mode & kPermissions;
  if (is_directory) kept |= 0700;
  if (is_directory && shines_through(path)) kept |= change_marks::kMark;
  UniqueFd object;
  if (const int error = find_ours(path, object); error != 0) return error;
  struct stat status{};
  if (::fstat(object.get(), &status) != 0) return errno;
  if (S_ISLNK(status.st_mode)) return EOPNOTSUPP;
  const std::string name = "/proc/self/fd/" + std::to_string(object.get());
  return error_of(::chmod(name.c_str(), kept));
}

int ChangeTree::set_times(const std::string& path, const struct timespec* times) {
  return error_of(::utimensat(parent(path).get(), path == "/" ? "." : name_of(path).c_str(), times,
                              AT_SYMLINK_NOFOLLOW));
}

}  // namespace yett

#include "runsc-like/sandboxes/redirected_changes.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>

#include "ioctl_uapi/mount_api.hpp"
#include "runsc-like/images/beneath.hpp"
#include "runsc-like/images/remove_tree.hpp"
#include "runsc-like/sandboxes/host_removal.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/emulate/change_marks.hpp"
#include "supervisor/emulate/change_records.hpp"

namespace yett {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

std::optional<struct stat> look(int directory, const std::string& name) {
  struct stat status{};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return status;
}

std::string link_text(int directory, const std::string& name) {
  std::array<char, PATH_MAX> text{};
  const ssize_t size = ::readlinkat(directory, name.c_str(), text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

// What was moved there is another one, however much it looks like it.
bool is_copy(int directory, const std::string& name) {
  const UniqueFd ours(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return ours.valid() && change_records::is_copy(ours.borrow());
}

bool looks_the_same(const struct stat& ours, const struct stat& hosts) {
  return S_ISREG(hosts.st_mode) && ours.st_size == hosts.st_size &&
         (ours.st_mode & 0777U) == (hosts.st_mode & 0777U) &&
         ours.st_mtim.tv_sec == hosts.st_mtim.tv_sec &&
         ours.st_mtim.tv_nsec == hosts.st_mtim.tv_nsec;
}

class Listing {
 public:
  explicit Listing(BorrowedFd tree) : tree_(tree) {}

  // `path`: "/a", of a directory of the tree; empty: its root.
  Status look_below(const std::string& path, bool transparent) {
    std::vector<Below> deeper;
    YETT_CHECK(look_at_names(path, transparent, deeper));
    for (const Below& each : deeper) YETT_CHECK(look_below(each.path, each.transparent));
    return {};
  }
  std::vector<TreeChange> take() {
    std::ranges::sort(changes_, {}, &TreeChange::path);
    return std::move(changes_);
  }

 private:
  struct Below {
    std::string path;
    bool transparent = false;
  };

  // Closed again before anything deeper is opened: a tree may be deeper than there are descriptors.
  Status look_at_names(const std::string& path, bool transparent, std::vector<Below>& deeper) {
    const UniqueFd directory =
        open_beneath(tree_, path.empty() ? path : path.substr(1), kDirectory);
    if (!directory.valid()) return fail(errno_error("open", path));
    YETT_TRY(const std::vector<std::string> names, names_in(directory.borrow()));
    for (const std::string& name : names)
      YETT_CHECK(compare(directory.borrow(), name, path + "/" + name, deeper));
    return transparent ? Status() : look_for_removed(path, directory.borrow(), names);
  }

  Status compare(BorrowedFd directory, const std::string& name, const std::string& path,
                 std::vector<Below>& deeper) {
    const auto ours = look(directory.get(), name);
    if (!ours || change_marks::is_placeholder(*ours)) return {};
    const auto hosts = look(AT_FDCWD, path);
    const bool is_directory = S_ISDIR(ours->st_mode);
    const bool is_same =
        hosts &&
        ((is_directory && S_ISDIR(hosts->st_mode)) ||
         (S_ISREG(ours->st_mode) && looks_the_same(*ours, *hosts) &&
          is_copy(directory.get(), name)) ||
         (S_ISLNK(ours->st_mode) && link_text(directory.get(), name) == link_text(AT_FDCWD, path)));
    if (!is_same) YETT_CHECK(note(hosts ? ChangeKind::changed : ChangeKind::added, path));
    if (is_directory) deeper.push_back({path, change_marks::is_transparent(*ours)});
    return {};
  }

  // What has changed on the host since is not what the sandbox has seen, and removed.
  Status look_for_removed(const std::string& path, BorrowedFd ours,
                          const std::vector<std::string>& names) {
    const UniqueFd hosts(::open(path.c_str(), kDirectory | O_NOFOLLOW));
    if (!hosts.valid())
      return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                 ? Status()
                 : fail(errno_error("open", path));
    // SECURITY(redirect-listed): of another directory of that name nobody has removed anything.
    if (!change_records::is_listed(ours, hosts.borrow())) return {};
    YETT_TRY(const FileTime made, made_in_tree(ours, path));
    YETT_TRY(const std::vector<std::string> there, names_in(hosts.borrow()));
    for (const std::string& name : there) {
      if (std::ranges::binary_search(names, name)) continue;
      const auto status = look(hosts.get(), name);
      if (status && changed_at(*status) < made)
        YETT_CHECK(note(ChangeKind::deleted, path + "/" + name));
    }
    return {};
  }

  Status note(ChangeKind kind, const std::string& path) {
    return note_change(changes_, {kind, path});
  }

  BorrowedFd tree_;
  std::vector<TreeChange> changes_;
};

}  // namespace

bool RedirectedChanges::is_meant(const std::string& word) {
  struct stat status{};
  return word.find('/') != std::string::npos && ::stat(word.c_str(), &status) == 0 &&
         S_ISDIR(status.st_mode);
}

Result<RedirectedChanges> RedirectedChanges::open(const std::string& directory) {
  RedirectedChanges changes;
  changes.name_ = directory;
  changes.directory_.reset(::open(directory.c_str(), kDirectory));
  if (!changes.directory_.valid()) return fail(errno_error("open", directory));
  changes.tree_ = open_beneath(changes.directory_.borrow(), kChangesName, kDirectory);
  changes.host_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat owner{};
  if (!changes.tree_.valid() || ::fstat(changes.tree_.get(), &owner) != 0)
    return fail(request_error(directory, "keeps no redirected changes",
                              "name the directory of: yett run --mode fallback --overlay DIR"));
  if (owner.st_uid != ::geteuid())
    return fail(request_error(directory, "its changes are another user's",
                              "run this as the user who ran the sandbox"));
  return changes;
}

Result<std::vector<TreeChange>> RedirectedChanges::find() const {
  Listing listing(tree_.borrow());
  YETT_CHECK(listing.look_below({}, true));
  return listing.take();
}

Result<bool> RedirectedChanges::is_newer_on_host(const TreeChange& change) const {
  if (change.kind == ChangeKind::deleted) return false;  // what is newer of it stays
  const UniqueFd hosts(sys_open_plain_in_root(host_.get(), change.path.c_str()));
  struct stat there{};
  if (!hosts.valid() || ::fstat(hosts.get(), &there) != 0) {
    const auto link = look(AT_FDCWD, change.path);
    if (!link) return false;
    there = *link;
  }
  if (S_ISDIR(there.st_mode)) return false;  // making room looks into it
  const UniqueFd ours = open_beneath(tree_.borrow(), change.path.substr(1), O_PATH | O_NOFOLLOW);
  if (!ours.valid()) return fail(errno_error("open", change.path));
  YETT_TRY(const FileTime made, made_in_tree(ours.borrow(), change.path));
  if (hosts.valid() && change_records::is_committed(ours.borrow(), hosts.borrow())) return false;
  if (changed_at(there) >= made) return true;
  return hosts.valid() && change_records::is_other_than_taken(ours.borrow(), hosts.borrow());
}

Status RedirectedChanges::lock() const {
  if (::flock(directory_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  return fail(request_error(name_, "a sandbox has it", "wait for its end"));
}

Status RedirectedChanges::discard() const {
  for (const char* part : {kChangesName, kMakingName})
    YETT_CHECK(remove_tree(directory_.borrow(), part));
  return {};
}

}  // namespace yett

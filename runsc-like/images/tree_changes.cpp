#include "runsc-like/images/tree_changes.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "runsc-like/images/beneath.hpp"

namespace yett {
namespace {

using Look = std::optional<struct stat>;  // nothing: it is not there

Look look_at(BorrowedFd directory, const std::string& name) {
  struct stat status{};
  if (!directory.valid() ||
      ::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return std::nullopt;
  return status;
}

bool is_directory(const Look& look) { return look && S_ISDIR(look->st_mode); }

// A file that was copied up has a change time of its own, which nobody can set.
bool is_same(const Look& before, const Look& after) {
  return before->st_ctim.tv_sec == after->st_ctim.tv_sec &&
         before->st_ctim.tv_nsec == after->st_ctim.tv_nsec && before->st_mode == after->st_mode &&
         before->st_size == after->st_size;
}

class Comparison {
 public:
  explicit Comparison(const ComparedTrees& trees) : trees_(trees) {}

  Result<std::vector<TreeChange>> run() {
    YETT_CHECK(compare_below({}, trees_.before.valid()));
    return std::move(changes_);
  }

 private:
  struct Pair {
    Look before;
    Look after;
  };

  // What is in the directory `path` ("a/b"; empty: the root) of both, or of the one that is there.
  Status compare_below(const std::string& path, bool was_there) {
    std::vector<std::string> names;
    std::vector<Pair> pairs;
    YETT_TRY(const bool ours, look_below(path, was_there, names, pairs));
    if (!ours) changes_.pop_back();
    for (std::size_t i = 0; i < names.size(); ++i)
      YETT_CHECK(compare(path.empty() ? names[i] : path + "/" + names[i], pairs[i]));
    return {};
  }

  // False: something else is mounted there. The directories are closed again before anything deeper
  // is opened: a tree may be deeper than there are descriptors.
  Result<bool> look_below(const std::string& path, bool was_there, std::vector<std::string>& names,
                          std::vector<Pair>& pairs) const {
    constexpr int kDirectory = O_RDONLY | O_DIRECTORY;
    const UniqueFd after = open_beneath(trees_.after, path, kDirectory);
    if (!after.valid()) {
      if (errno == EXDEV && !path.empty()) return false;
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return true;  // gone meanwhile
      return fail(errno_error("open", "/" + escape_for_terminal(path)));
    }
    const UniqueFd before = was_there ? open_beneath(trees_.before, path, kDirectory) : UniqueFd();
    YETT_TRY(names, names_in(after.borrow()));
    if (before.valid()) {
      YETT_TRY(const std::vector<std::string> old, names_in(before.borrow()));
      std::vector<std::string> both;
      std::ranges::set_union(names, old, std::back_inserter(both));
      names = std::move(both);
    }
    for (const std::string& name : names)
      pairs.push_back({look_at(before.borrow(), name), look_at(after.borrow(), name)});
    return true;
  }

  Status compare(const std::string& path, const Pair& pair) {
    if (is_mount_point("/" + path)) return {};
    if (!pair.before && !pair.after) return {};  // gone meanwhile
    if (!pair.after) return note(ChangeKind::deleted, path);
    const bool both_directories = is_directory(pair.before) && is_directory(pair.after);
    if (pair.before && is_same(pair.before, pair.after)) return {};
    const std::size_t at = changes_.size();
    YETT_CHECK(note(pair.before ? ChangeKind::changed : ChangeKind::added, path));
    if (!is_directory(pair.after)) return {};
    YETT_CHECK(compare_below(path, both_directories));
    const bool only_to_mount_on = holds_mount_point("/" + path) && changes_.size() == at + 1 &&
                                  (!pair.before || pair.before->st_mode == pair.after->st_mode);
    if (only_to_mount_on) changes_.pop_back();
    return {};
  }

  Status note(ChangeKind kind, const std::string& path) {
    return note_change(changes_, {kind, "/" + path});
  }

  [[nodiscard]] bool is_mount_point(const std::string& path) const {
    return std::ranges::find(trees_.mount_points, path) != trees_.mount_points.end();
  }
  [[nodiscard]] bool holds_mount_point(const std::string& path) const {
    return std::ranges::any_of(
        trees_.mount_points, [&](const std::string& each) { return each.starts_with(path + "/"); });
  }

  const ComparedTrees& trees_;
  std::vector<TreeChange> changes_;
};

}  // namespace

Status note_change(std::vector<TreeChange>& changes, TreeChange change) {
  if (changes.size() == kMostChanges)
    return fail(Error{.kind = ErrorKind::exhausted,
                      .subject = "diff",
                      .detail = "more than two million files were changed"});
  changes.push_back(std::move(change));
  return {};
}

Result<std::vector<TreeChange>> find_changes(const ComparedTrees& trees) {
  return Comparison(trees).run();
}

}  // namespace yett

#include "runsc-like/images/remove_tree.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "runsc-like/images/beneath.hpp"

namespace yett {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY;

enum class Removed { yes, no_it_holds_something };

// Of whatever kind it is.
Result<Removed> remove_one(BorrowedFd directory, const std::string& name) {
  if (::unlinkat(directory.get(), name.c_str(), 0) == 0 || errno == ENOENT) return Removed::yes;
  if (errno != EISDIR && errno != EPERM) return fail(errno_error("remove", name));
  if (::unlinkat(directory.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT)
    return Removed::yes;
  if (errno == ENOTEMPTY || errno == EEXIST) return Removed::no_it_holds_something;
  return fail(errno_error("remove", name));
}

// A tree may be deeper than there are descriptors, or bytes in a path: what lies deep is moved up
// to below the top, so that no more than two directories are open at once.
class TreeRemoval {
 public:
  explicit TreeRemoval(UniqueFd top) : top_(std::move(top)) {}

  // All that is in the top: again and again, for as long as something was moved there.
  Status run() {
    std::uint64_t moved_before = 0;
    do {
      moved_before = moved_;
      YETT_TRY(const std::vector<std::string> names, names_in(top_.borrow()));
      for (const std::string& name : names) YETT_CHECK(remove_below_top(name));
    } while (moved_ != moved_before);
    return {};
  }

 private:
  Status remove_below_top(const std::string& name) {
    YETT_TRY(const Removed removed, remove_one(top_.borrow(), name));
    if (removed == Removed::yes) return {};
    const UniqueFd inside = open_beneath(top_.borrow(), name, kDirectory);
    if (!inside.valid()) return fail(errno_error("open", name));
    YETT_TRY(const std::vector<std::string> names, names_in(inside.borrow()));
    for (const std::string& each : names) {
      YETT_TRY(const Removed gone, remove_one(inside.borrow(), each));
      if (gone == Removed::no_it_holds_something) YETT_CHECK(move_up(inside.borrow(), each));
    }
    if (::unlinkat(top_.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    return fail(errno_error("remove", name));
  }

  // To a name that nothing in the top has.
  Status move_up(BorrowedFd from, const std::string& name) {
    for (;;) {
      const std::string fresh = std::to_string(moved_++);
      if (::renameat2(from.get(), name.c_str(), top_.get(), fresh.c_str(), RENAME_NOREPLACE) == 0)
        return {};
      if (errno != EEXIST) return fail(errno_error("move", name));
    }
  }

  UniqueFd top_;
  std::uint64_t moved_ = 0;
};

}  // namespace

Status remove_tree(BorrowedFd directory, const std::string& name) {
  YETT_TRY(const Removed removed, remove_one(directory, name));
  if (removed == Removed::yes) return {};
  UniqueFd top = open_beneath(directory, name, kDirectory);
  if (!top.valid()) return fail(errno_error("open", name));
  YETT_CHECK(TreeRemoval(std::move(top)).run());
  if (::unlinkat(directory.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  return fail(errno_error("remove", name));
}

}  // namespace yett

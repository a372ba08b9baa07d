// Whether a tree is still as it was left, without reading its files again.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct TreeStamp {
  std::string digest;  // of every name below the top, with its kind, rights, owner, size and times
  std::uint64_t bytes = 0;    // that its files have
  std::uint64_t entries = 0;  // below the top
};
// The time of a file's last change (ctime) is set by the kernel alone: who writes to a file, or to
// its rights, or puts another in its place, changes the stamp. Follows nothing. Errors: something
// cannot be looked at, or lies deeper than an unpacked tree may.
[[nodiscard]] Result<TreeStamp> stamp_tree(BorrowedFd top);

}  // namespace yett

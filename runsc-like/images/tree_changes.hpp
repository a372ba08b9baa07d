// What a sandbox has changed in its root: the root as it is, compared with the image below it. Both
// are looked at as the kernel shows them, so whiteouts and opaque directories are its business;
// what is below a directory that nobody has copied up is not looked at, so that it costs what was
// changed. The sandbox may run, and change its root meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class ChangeKind { added, changed, deleted };

struct TreeChange {
  ChangeKind kind = ChangeKind::changed;
  std::string path;  // "/etc/motd"
};

struct ComparedTrees {
  BorrowedFd before;  // invalid: nothing at all was there
  BorrowedFd after;
  // Places that the runtime mounts on, absolute: they, what is below them, and directories made to
  // hold them are nobody's changes.
  std::vector<std::string> mount_points;
};

inline constexpr std::uint64_t kMostChanges = 2'000'000;
// Error: there are that many already.
[[nodiscard]] Status note_change(std::vector<TreeChange>& changes, TreeChange change);

// Sorted, a directory before what is in it; of what was deleted the topmost only. Errors: more than
// kMostChanges; names that together are longer than a path may be.
[[nodiscard]] Result<std::vector<TreeChange>> find_changes(const ComparedTrees& trees);

}  // namespace yett

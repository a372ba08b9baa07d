// From a directory that a program sees to the host's, for a sandbox that is made of it.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct HostDirectory {
  int error = 0;     // else the rest means nothing
  std::string path;  // no link leads there
  UniqueFd opened;   // O_PATH
};

// 0, or why no sandbox can be made of `path` whatever is there: EINVAL (not plain and absolute),
// EACCES (on no read-only bind of the host's, or something is mounted below). Pure.
// SECURITY(create-as-seen): what the program's mounts hide, a sandbox without them would show.
[[nodiscard]] int check_lent(const std::vector<MountEntry>& mounts, const std::string& path);

// The host's directory behind `path`, which check_lent found good, when no link and no other mount
// of the host's lies on the way and nothing that the sandbox may write is the same place.
// SECURITY(create-read-only): what the program cannot change cannot become a link after it was
// looked at. Errors: EACCES, and the kernel's own.
[[nodiscard]] HostDirectory find_host_directory(const std::vector<MountEntry>& mounts,
                                                const std::string& path);

// The directory of that name for a caller who sees the host's own tree: absolute, without links.
// Errors: EINVAL, ELOOP, ENOTDIR, and the kernel's own.
[[nodiscard]] HostDirectory find_plain_directory(const std::string& path);

// Is that directory still what its path names?
[[nodiscard]] bool is_still_there(const std::string& path, BorrowedFd directory);

}  // namespace yett

// Where a process has mounts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// Mount points of the process, as paths below its own root.
[[nodiscard]] Result<std::vector<std::string>> list_mount_points(BorrowedFd pidfd);

// The fifth field of each line of mountinfo(5), octal escapes undone. Pure.
[[nodiscard]] std::vector<std::string> parse_mount_points(std::string_view mountinfo);

// True when `path` lies strictly below `directory`.
[[nodiscard]] bool is_below(std::string_view path, std::string_view directory);

}  // namespace yett

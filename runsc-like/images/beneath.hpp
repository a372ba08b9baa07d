// Opening what lies in a tree that a stranger filled, or still fills: never through a link, upwards
// or into another mount, whatever happens to the tree meanwhile.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// `path` is relative; empty: the tree's root itself. Invalid with errno, as of openat2(2).
[[nodiscard]] UniqueFd open_beneath(BorrowedFd root, const std::string& path, int flags);

// What is in an open directory, sorted, without "." and "..". Errors: it could not be read to its
// end; what was read until then counts for nothing.
[[nodiscard]] Result<std::vector<std::string>> names_in(BorrowedFd directory);

}  // namespace yett

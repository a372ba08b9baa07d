// Taking away from the host what a sandbox has removed: only what the sandbox can have seen.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

using FileTime = std::tuple<std::int64_t, std::int64_t>;

// When something was made in the tree: a directory before it was listed, a file before it was
// copied. Error: nobody knows.
[[nodiscard]] Result<FileTime> made_in_tree(BorrowedFd object, const std::string& path);
[[nodiscard]] FileTime changed_at(const struct stat& status);

struct HostName {
  BorrowedFd directory;
  std::string name;
  std::string path;  // for who reads of it
};

// SECURITY(redirect-newer): what has changed on the host since `listed` stays, at any depth, with
// all that leads to it. Returns its paths.
[[nodiscard]] Result<std::vector<std::string>> remove_older(const HostName& host, FileTime listed);
// Those paths, with nothing removed.
[[nodiscard]] Result<std::vector<std::string>> find_newer(const HostName& host, FileTime listed);

}  // namespace yett

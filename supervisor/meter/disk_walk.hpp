// What the files below a directory take of its file system, counted by looking at each of them.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"

struct dirent;

namespace yett {

// What each name costs at least: an empty file and a directory take room, too. A link's words may
// take a block, of which some file systems tell nothing.
inline constexpr std::uint64_t kBytesPerName = 1024;
inline constexpr std::uint64_t kBytesPerLink = 4096;

struct DiskPlace {
  std::string path;  // through no link
  UniqueFd directory;
  // Its directories are the sandbox's to shut: the walk opens them again. Otherwise what cannot be
  // opened is empty.
  bool is_sandboxes = false;
};

// Of a file, in bytes: without what its file system keeps ready behind its end.
[[nodiscard]] std::uint64_t bytes_on_disk(const struct stat& status);

// One look; of several places. What has two names, or was moved meanwhile, is counted once.
class DiskWalk {
 public:
  // It ends as soon as there is more than `enough`. `meanwhile`: called now and then, for a walk
  // can be long.
  DiskWalk(std::uint64_t enough, std::function<void()> meanwhile)
      : enough_(enough), meanwhile_(std::move(meanwhile)) {}
  void add(const DiskPlace& place);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] bool has_seen(dev_t device, ino_t number) const {
    return seen_.contains({device, number});
  }

 private:
  // A path could be longer than the kernel takes, and a tree deeper than there are descriptors.
  struct Below {
    std::size_t above = 0;
    std::string name;
  };
  [[nodiscard]] UniqueFd open(const DiskPlace& place, std::size_t which) const;
  void read(const DiskPlace& place, std::size_t which);
  void add_entry(BorrowedFd directory, std::size_t which, const struct dirent& entry);
  [[nodiscard]] bool is_new(const struct stat& status) {
    return seen_.emplace(status.st_dev, status.st_ino).second;
  }

  std::uint64_t enough_;
  std::function<void()> meanwhile_;
  std::uint64_t bytes_ = 0;
  std::uint64_t entries_ = 0;
  std::vector<Below> directories_;
  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace yett

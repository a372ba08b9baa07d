#include "supervisor/meter/disk_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <ranges>

#include "ioctl_uapi/mount_api.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kBytesPerBlock = 512;  // of st_blocks, whatever the file system's are
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::uint64_t allocated(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_blocks) * kBytesPerBlock;
}

bool is_dots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

// SECURITY(disk-shut): what a sandbox keeps in a directory that it has shut is opened again: it
// lies where only its own directories are, and through no link.
int open_shut(int directory) {
  if (errno != EACCES) return -1;
  const std::string itself = "/proc/self/fd/" + std::to_string(directory);
  if (::chmod(itself.c_str(), 0700) != 0) return -1;
  return ::openat(directory, ".", kDirectory);
}

}  // namespace

// xfs keeps room ready behind the end of a file that grows, and takes it back: nobody has asked for
// it (fallocate(2) is refused where this counts). A file system's clusters are no larger than this.
std::uint64_t bytes_on_disk(const struct stat& status) {
  constexpr std::uint64_t kCluster = 64 << 10;
  if (!S_ISREG(status.st_mode)) return allocated(status);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return std::min(allocated(status), (size + kCluster - 1) / kCluster * kCluster);
}

void DiskWalk::add(const DiskPlace& place) {
  directories_.assign(1, {.above = 0, .name = "."});
  for (std::size_t next = 0; next < directories_.size() && bytes_ <= enough_; ++next)
    read(place, next);
}

// Step by step where its path is longer than the kernel takes.
UniqueFd DiskWalk::open(const DiskPlace& place, std::size_t which) const {
  std::vector<std::size_t> way;
  for (; which != 0; which = directories_[which].above) way.push_back(which);
  UniqueFd reached(sys_open_plain_beneath(place.directory.get(), "."));
  std::string path;
  const auto go = [&] {
    if (!path.empty()) reached.reset(sys_open_plain_beneath(reached.get(), path.c_str()));
    path.clear();
  };
  for (const std::size_t each : way | std::views::reverse) {
    const std::string& name = directories_[each].name;
    if (path.size() + name.size() + 2 > PATH_MAX) go();
    if (!path.empty()) path += '/';
    path += name;
  }
  go();
  return reached;
}

void DiskWalk::read(const DiskPlace& place, std::size_t which) {
  const UniqueFd reached = open(place, which);
  if (!reached.valid()) return;
  int opened = ::openat(reached.get(), ".", kDirectory);
  if (opened < 0 && place.is_sandboxes) opened = open_shut(reached.get());
  const auto close = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close)> entries(opened < 0 ? nullptr : ::fdopendir(opened),
                                                      close);
  if (!entries) return;
  struct stat status{};
  if (::fstat(opened, &status) != 0 || !is_new(status)) return;
  bytes_ += allocated(status);
  while (const dirent* entry = bytes_ <= enough_ ? ::readdir(entries.get()) : nullptr)
    if (!is_dots(entry->d_name)) add_entry(BorrowedFd(opened), which, *entry);
}

void DiskWalk::add_entry(BorrowedFd directory, std::size_t which, const dirent& entry) {
  constexpr std::uint64_t kBetween = 256;
  if (++entries_ % kBetween == 0 && meanwhile_) meanwhile_();
  bytes_ += kBytesPerName;
  struct stat status{};
  if (entry.d_type == DT_DIR || entry.d_type == DT_LNK)  // told without a look
    status.st_mode = static_cast<mode_t>(DTTOIF(entry.d_type));
  else if (::fstatat(directory.get(), entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return;
  if (S_ISDIR(status.st_mode))
    directories_.push_back({.above = which, .name = entry.d_name});
  else if (S_ISLNK(status.st_mode))
    bytes_ += kBytesPerLink;
  else if (is_new(status))
    bytes_ += bytes_on_disk(status);
}

}  // namespace yett

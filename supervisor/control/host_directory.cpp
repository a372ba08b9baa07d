#include "supervisor/control/host_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>

#include "ioctl_uapi/mount_api.hpp"

namespace yett {
namespace {

bool lies_within(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory == "/" ? "/" : directory + "/");
}

bool is_plain_absolute(const std::string& path) {
  const std::string closed = path + "/";
  return path.starts_with('/') && closed.find("/../") == std::string::npos &&
         closed.find("/./") == std::string::npos && closed.find("//") == std::string::npos;
}

const MountEntry* find_innermost(const std::vector<MountEntry>& mounts, const std::string& path) {
  const MountEntry* innermost = nullptr;
  for (const MountEntry& entry : mounts)
    if (lies_within(path, entry.target) &&
        (innermost == nullptr || entry.target.size() >= innermost->target.size()))
      innermost = &entry;
  return innermost;
}

bool is_covered_below(const std::vector<MountEntry>& mounts, const std::string& path) {
  return std::ranges::any_of(mounts, [&path](const MountEntry& entry) {
    return entry.target != path && lies_within(entry.target, path);
  });
}

UniqueFd open_directory(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// The path by which the kernel names it now. Empty: none.
std::string name_of(BorrowedFd file) {
  std::array<char, PATH_MAX> name{};
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", file.get());
  const ssize_t size = ::readlink(link.data(), name.data(), name.size());
  return size <= 0 ? std::string() : std::string(name.data(), static_cast<std::size_t>(size));
}

// What an entry lets the sandbox write of the host's. Empty: nothing.
std::string written_by(const MountEntry& entry) {
  if (entry.kind == MountKind::bind && entry.writable == Writable::yes) return entry.source;
  return entry.upper;
}

bool is_writable_elsewhere(const std::vector<MountEntry>& mounts, const std::string& directory) {
  return std::ranges::any_of(mounts, [&directory](const MountEntry& entry) {
    const std::string written = written_by(entry);
    if (written.empty()) return false;
    const UniqueFd opened(::open(written.c_str(), O_PATH | O_CLOEXEC));
    const std::string name = opened.valid() ? name_of(opened.borrow()) : written;
    return lies_within(name, directory) || lies_within(directory, name);
  });
}

HostDirectory refused(int error) { return {.error = error, .path = {}, .opened = {}}; }

}  // namespace

int check_lent(const std::vector<MountEntry>& mounts, const std::string& path) {
  if (!is_plain_absolute(path)) return EINVAL;
  const MountEntry* innermost = find_innermost(mounts, path);
  const bool lent = innermost != nullptr && innermost->kind == MountKind::bind &&
                    innermost->writable == Writable::no;
  return lent && !is_covered_below(mounts, path) ? 0 : EACCES;
}

HostDirectory find_host_directory(const std::vector<MountEntry>& mounts, const std::string& path) {
  const MountEntry* innermost = find_innermost(mounts, path);
  if (innermost == nullptr) return refused(EACCES);
  const UniqueFd source = open_directory(innermost->source);
  if (!source.valid()) return refused(errno);
  const std::string below = path.substr(std::min(path.size(), innermost->target.size()));
  const int found = sys_open_plain_beneath(source.get(), below.empty() ? "." : below.c_str() + 1);
  if (found < 0) return refused(found == -EXDEV ? EACCES : -found);
  HostDirectory directory{.error = 0, .path = {}, .opened = UniqueFd(found)};
  directory.path = name_of(directory.opened.borrow());
  if (!is_still_there(directory.path, directory.opened.borrow())) return refused(EACCES);
  if (is_writable_elsewhere(mounts, directory.path)) return refused(EACCES);
  return directory;
}

HostDirectory find_plain_directory(const std::string& path) {
  if (!is_plain_absolute(path)) return refused(EINVAL);
  const UniqueFd host_root = open_directory("/");
  if (!host_root.valid()) return refused(errno);
  const int found = sys_open_plain_in_root(host_root.get(), path.c_str());
  if (found < 0) return refused(-found);
  HostDirectory directory{.error = 0, .path = path, .opened = UniqueFd(found)};
  struct stat status{};
  if (::fstat(found, &status) != 0) return refused(errno);
  return S_ISDIR(status.st_mode) ? std::move(directory) : refused(ENOTDIR);
}

bool is_still_there(const std::string& path, BorrowedFd directory) {
  const UniqueFd host_root = open_directory("/");
  if (!host_root.valid() || !path.starts_with('/')) return false;
  const UniqueFd found(sys_open_plain_in_root(host_root.get(), path.c_str()));
  struct stat now{};
  struct stat then{};
  return found.valid() && ::fstat(found.get(), &now) == 0 && ::fstat(directory.get(), &then) == 0 &&
         now.st_dev == then.st_dev && now.st_ino == then.st_ino;
}

}  // namespace yett

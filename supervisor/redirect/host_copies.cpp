// The tree's copies of what the host has: directories with what they list, and files.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "ioctl_uapi/mount_api.hpp"
#include "supervisor/emulate/change_records.hpp"
#include "supervisor/redirect/change_tree.hpp"
#include "supervisor/redirect/clock_tick.hpp"
#include "supervisor/redirect/copy_bytes.hpp"

namespace yett {
namespace {

using change_marks::kMark;

constexpr const char* kMaking = "copy";
constexpr std::uint64_t kBytesPerName = 1024;  // as they are counted

int place_holder(int host, int ours, const char* name, unsigned char type) {
  std::array<char, PATH_MAX> text{};
  int made = 0;
  if (type == DT_LNK) {
    const ssize_t size = ::readlinkat(host, name, text.data(), text.size() - 1);
    if (size <= 0) return 0;  // gone meanwhile
    made = ::symlinkat(text.data(), ours, name);
  } else {
    made =
        type == DT_DIR ? ::mkdirat(ours, name, kMark) : ::mknodat(ours, name, S_IFREG | kMark, 0);
  }
  return made == 0 || errno == EEXIST ? 0 : errno;
}

unsigned char type_of(int directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type;
  struct stat status{};
  if (::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return DT_REG;
  return S_ISDIR(status.st_mode) ? DT_DIR : S_ISLNK(status.st_mode) ? DT_LNK : DT_REG;
}

}  // namespace

int ChangeTree::enter(const std::string& directory) {
  if (directories_.contains(directory)) return 0;
  if (const int error = enter(parent_of(directory)); error != 0) return error;
  const Look found = look(directory);
  if (found.standing == Standing::removed) return ENOENT;
  if (found.standing == Standing::ours) return ENOTDIR;
  const auto host = look_at_host(directory);
  if (!host) return ENOENT;
  return S_ISDIR(host->st_mode) ? make_entered(directory, *host) : ENOTDIR;
}

// Until it is whole it is a placeholder.
int ChangeTree::make_entered(const std::string& path, const struct stat& host) {
  if (directories_.size() >= kMostDirectories) return ENOSPC;
  begin_change();
  const UniqueFd above = parent(path);
  const std::string name = name_of(path);
  if (::mkdirat(above.get(), name.c_str(), kMark) != 0 && errno != EEXIST) return errno;
  const UniqueFd made(
      ::openat(above.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  if (!made.valid()) return errno;
  const std::string itself = "/proc/self/fd/" + std::to_string(made.get());
  const auto set = [&itself](mode_t mode) { return ::chmod(itself.c_str(), mode); };
  if (set(kMark | 0700) != 0) return errno;
  const bool shown = places_.is_shown(path);
  if (const int error = shown ? list(path) : 0; error != 0) {
    static_cast<void>(set(kMark));
    return error;
  }
  if (set((host.st_mode & 0777) | 0700 | (shown ? 0 : kMark)) != 0) return errno;
  directories_[path] = shown ? Kind::listed : Kind::transparent;
  return 0;
}

int ChangeTree::list(const std::string& path) const {
  const int opened = open_ours(path, O_PATH | O_DIRECTORY);
  if (opened < 0) return -opened;
  const UniqueFd ours(opened);
  const int host = open_host(path, O_DIRECTORY);
  if (host < 0) return -host;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(host), ::closedir);
  if (!entries) return EIO;
  if (const int error = change_records::note_listed(ours.borrow(), BorrowedFd(host)); error != 0)
    return error;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) return errno;  // 0: the end
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    if (!has_room(kBytesPerName)) return ENOSPC;
    if (const int error = place_holder(host, ours.get(), entry->d_name, type_of(host, *entry));
        error != 0)
      return error;
  }
}

int ChangeTree::take(const std::string& path, Data data) {
  if (!places_.is_shown(path)) return EACCES;
  if (const int error = enter(parent_of(path)); error != 0) return error;
  const Look found = look(path);
  if (found.standing != Standing::untouched) return found.standing == Standing::ours ? 0 : ENOENT;
  const UniqueFd from(open_host(path, 0));
  struct stat host{};
  if (!from.valid() || ::fstat(from.get(), &host) != 0) return EACCES;
  if (!S_ISREG(host.st_mode)) return EISDIR;
  return copy(from.get(), host, data, path);
}

// It gets its name when it is whole. What changes on the host from here on is later than it.
int ChangeTree::copy(int from, const struct stat& host, Data data, const std::string& into) {
  const bool copies = data == Data::copied;
  if (copies && static_cast<std::uint64_t>(host.st_size) > file_size_) return EFBIG;
  if (copies && !has_room(static_cast<std::uint64_t>(host.st_size))) return ENOSPC;
  ::unlinkat(making_.get(), kMaking, 0);
  constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  begin_change();
  await_later_tick(host.st_ctim);
  const std::string taken = change_records::as_it_is(BorrowedFd(from));
  const UniqueFd made(::openat(making_.get(), kMaking, kNew, 0600));
  if (!made.valid()) return errno;
  if (const int error = change_records::note_taken(made.borrow(), taken); error != 0) return error;
  if (const int error = copies ? copy_bytes(BorrowedFd(from), made.borrow()) : 0; error != 0)
    return error;
  const std::array<struct timespec, 2> times{host.st_atim, host.st_mtim};
  if (::fchmod(made.get(), (host.st_mode & 0777) | 0600) != 0 ||
      ::futimens(made.get(), times.data()) != 0 ||
      ::renameat(making_.get(), kMaking, parent(into).get(), name_of(into).c_str()) != 0)
    return errno;
  return 0;
}

}  // namespace yett

#include "supervisor/lsm/pin_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

namespace yett {
namespace {

constexpr const char* kBpfMount = "/sys/fs/bpf";
constexpr const char* kDirectory = "/sys/fs/bpf/yett";
constexpr long kBpfMagic = 0xcafe4a11;

bool is_bpf_mounted() {
  struct statfs info{};
  return ::statfs(kBpfMount, &info) == 0 && info.f_type == kBpfMagic;
}

// systemd mounts it at boot; without systemd we do the same, for pins need a mount that outlives
// us.
Status mount_bpf_filesystem() {
  if (is_bpf_mounted()) return {};
  if (::mount("bpf", kBpfMount, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0)
    return {};
  Error error = errno_error("mount bpffs", kBpfMount);
  error.mend = "mount -t bpf bpf /sys/fs/bpf";
  return fail(std::move(error));
}

std::vector<std::string> list(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

// SECURITY(pins_are_private): a directory that others can enter or that is not root's is no place
// for programs that decide.
Status check_private(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return fail(errno_error("stat", kDirectory));
  if (info.st_uid == 0 && (info.st_mode & 07777) == 0700) return {};
  return fail(
      host_error(kDirectory, "is not root's alone", "chown root and chmod 0700, or remove it"));
}

Result<UniqueFd> open_directory(PinDirectoryMissing missing) {
  const bool make = missing == PinDirectoryMissing::make;
  if (make) YETT_CHECK(mount_bpf_filesystem());
  if (make && ::mkdir(kDirectory, 0700) != 0 && errno != EEXIST)
    return fail(errno_error("mkdir", kDirectory));
  UniqueFd fd(::open(kDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    Error error = errno_error("open", kDirectory);
    if (error.sys_errno == ENOENT) error.kind = ErrorKind::target_gone;
    return fail(std::move(error));
  }
  return fd;
}

}  // namespace

Result<PinDirectory> PinDirectory::open(PinLock lock, PinDirectoryMissing missing) {
  YETT_TRY(UniqueFd fd, open_directory(missing));
  YETT_CHECK(check_private(fd.get()));
  const int operation = lock == PinLock::shared ? LOCK_SH : LOCK_EX;
  while (::flock(fd.get(), operation) != 0)
    if (errno != EINTR) return fail(errno_error("lock", kDirectory));
  return PinDirectory(std::move(fd));
}

std::vector<std::string> PinDirectory::sets() const { return list(kDirectory); }

bool PinDirectory::has(const std::string& set) const {
  return ::faccessat(fd_.get(), set.c_str(), F_OK, 0) == 0;
}

std::string PinDirectory::path(const std::string& set, const std::string& pin) const {
  std::string path = std::string(kDirectory) + "/" + set;
  return pin.empty() ? path : path + "/" + pin;
}

std::vector<std::string> PinDirectory::pins(const std::string& set) const {
  return list(path(set));
}

Status PinDirectory::make_set(const std::string& set) const {
  if (::mkdirat(fd_.get(), set.c_str(), 0700) == 0) return {};
  return fail(errno_error("mkdir", path(set)));
}

Status PinDirectory::publish(const std::string& from, const std::string& to) const {
  if (::renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) == 0) return {};
  return fail(errno_error("rename", path(from)));
}

void PinDirectory::remove_set(const std::string& set) const {
  for (const std::string& pin : pins(set)) ::unlink(path(set, pin).c_str());
  ::unlinkat(fd_.get(), set.c_str(), AT_REMOVEDIR);
}

const char* pin_directory_path() { return kDirectory; }

void remove_pin_directory() { ::rmdir(kDirectory); }

}  // namespace yett

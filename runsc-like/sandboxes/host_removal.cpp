#include "runsc-like/sandboxes/host_removal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "runsc-like/images/beneath.hpp"

namespace yett {
namespace {

// Each level costs a descriptor.
constexpr int kDeepest = 200;

class OlderNames {
 public:
  enum class Then { stay, go };
  OlderNames(FileTime listed, Then then) : listed_(listed), then_(then) {}

  // Did it, and all below it, go?
  Result<bool> visit(const HostName& host, int depth) {
    struct stat status{};
    if (::fstatat(host.directory.get(), host.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return errno == ENOENT ? Result<bool>(true) : fail(errno_error("look at", host.path));
    bool goes = changed_at(status) < listed_;
    if (!goes) newer_.push_back(host.path);
    if (S_ISDIR(status.st_mode)) {
      YETT_TRY(const bool all_go, visit_below(host, depth));
      goes = goes && all_go;
    }
    if (!goes || then_ == Then::stay) return goes;
    const int flags = S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0;
    if (::unlinkat(host.directory.get(), host.name.c_str(), flags) == 0 || errno == ENOENT)
      return true;
    return fail(errno_error("remove", host.path));
  }
  std::vector<std::string> take() { return std::move(newer_); }

 private:
  Result<bool> visit_below(const HostName& host, int depth) {
    if (depth == kDeepest)
      return fail(host_error(host.path, "it lies too deep to be removed", "remove it by hand"));
    const UniqueFd inside = open_beneath(host.directory, host.name, O_RDONLY | O_DIRECTORY);
    if (!inside.valid()) return fail(errno_error("open", host.path));
    YETT_TRY(const std::vector<std::string> names, names_in(inside.borrow()));
    bool all_go = true;
    for (const std::string& name : names) {
      YETT_TRY(const bool goes, visit({inside.borrow(), name, host.path + "/" + name}, depth + 1));
      all_go = all_go && goes;
    }
    return all_go;
  }

  FileTime listed_;
  Then then_;
  std::vector<std::string> newer_;
};

Result<std::vector<std::string>> newer_names(const HostName& host, FileTime listed,
                                             OlderNames::Then then) {
  OlderNames names(listed, then);
  YETT_CHECK(names.visit(host, 0));
  return names.take();
}

}  // namespace

Result<FileTime> made_in_tree(BorrowedFd object, const std::string& path) {
  struct statx status{};
  if (::statx(object.get(), "", AT_EMPTY_PATH, STATX_BTIME, &status) != 0 ||
      (status.stx_mask & STATX_BTIME) == 0)
    return fail(host_error(path, "the tree's file system does not tell when it was made",
                           "keep redirected changes on ext4, xfs, btrfs or tmpfs"));
  return FileTime{status.stx_btime.tv_sec, status.stx_btime.tv_nsec};
}

FileTime changed_at(const struct stat& status) {
  return {status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

Result<std::vector<std::string>> remove_older(const HostName& host, FileTime listed) {
  return newer_names(host, listed, OlderNames::Then::go);
}

Result<std::vector<std::string>> find_newer(const HostName& host, FileTime listed) {
  return newer_names(host, listed, OlderNames::Then::stay);
}

}  // namespace yett

#include "runsc-like/oci/life/own_executable.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "ioctl_uapi/mount_api.hpp"

namespace yett::oci {
namespace {

constexpr const char* kOwn = "/proc/self/exe";

bool is_read_only() {
  struct statvfs status{};
  return ::statvfs(kOwn, &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

}  // namespace

// SECURITY(container-own-executable): CVE-2019-5736.
Status leave_writable_executable(char** argv) {
  if (is_read_only()) return {};
  const UniqueFd mount(sys_open_tree_clone(AT_FDCWD, kOwn, Subtree::only_this_mount));
  if (!mount.valid()) return fail(errno_error(-mount.get(), "open", kOwn));
  const int set =
      sys_mount_setattr(mount.get(), mount_flags::kReadOnly, 0, Subtree::only_this_mount);
  if (set < 0) return fail(errno_error(-set, "make read-only", kOwn));
  ::fexecve(mount.get(), argv, environ);
  return fail(errno_error("execute", kOwn));
}

}  // namespace yett::oci

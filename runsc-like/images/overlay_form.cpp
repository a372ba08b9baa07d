#include "runsc-like/images/overlay_form.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>

namespace yett {
namespace {

constexpr const char* kOpaque = "trusted.overlay.opaque";

Error cannot_hold(const char* operation, const std::string& subject) {
  Error error = errno_error(operation, subject);
  error.mend =
      "the file system of --image-root must be one that overlays can lie on: ext4, xfs, "
      "btrfs, tmpfs";
  return error;
}

}  // namespace

Status make_deletion(BorrowedFd directory, const std::string& name) {
  if (::mknodat(directory.get(), name.c_str(), S_IFCHR, 0) == 0) return {};
  return fail(cannot_hold("keep a deletion", name));
}

Status hide_below(BorrowedFd directory) {
  if (::fsetxattr(directory.get(), kOpaque, "y", 1, 0) == 0) return {};
  return fail(cannot_hold("keep a directory's attribute", kOpaque));
}

bool hides_below(BorrowedFd directory) {
  char value = 0;
  return ::fgetxattr(directory.get(), kOpaque, &value, 1) == 1 && value == 'y';
}

}  // namespace yett

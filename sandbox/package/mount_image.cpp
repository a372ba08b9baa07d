// Composition: open once, check, give it to the kernel as a detached mount.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "sandbox/package/image_file.hpp"
#include "sandbox/package/loop_device.hpp"
#include "sandbox/package/package.hpp"
#include "sandbox/package/superblock.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kAttributes =
    mount_flags::kReadOnly | mount_flags::kNoSuid | mount_flags::kNoDev;

// The kernel's own words about the last failure of this context ("e squashfs: Unknown ..."), if
// any.
std::string context_log(BorrowedFd context) {
  std::array<char, 512> line{};
  std::string text;
  for (int lines = 0; lines < 4; ++lines) {
    const ssize_t got = ::read(context.get(), line.data(), line.size());
    if (got <= 2) break;
    if (!text.empty()) text += "; ";
    text.append(line.data() + 2, static_cast<std::size_t>(got - 2));
    while (text.ends_with('\n')) text.pop_back();
  }
  return text;
}

struct MountFailure {
  int error_number = 0;
  std::string log;
};

std::expected<DetachedMount, MountFailure> mount_source(const char* filesystem,
                                                        const std::string& source) {
  const UniqueFd context(sys_fsopen(filesystem));
  if (context.get() < 0) return std::unexpected(MountFailure{-context.get(), {}});
  int result = sys_fsconfig_string(context.get(), "source", source.c_str());
  if (result == 0) result = sys_fsconfig_flag(context.get(), "ro");
  if (result == 0) result = sys_fsconfig_create(context.get());
  // SECURITY(image_nosuid_nodev): set-uid bits and device nodes of an image mean nothing.
  const int mount = result == 0 ? sys_fsmount(context.get(), kAttributes) : result;
  if (mount < 0) return std::unexpected(MountFailure{-mount, context_log(context.borrow())});
  return DetachedMount(UniqueFd(mount));
}

std::unexpected<Error> mount_error(const char* filesystem, const ImageFile& image,
                                   MountFailure failure) {
  Error error = errno_error(failure.error_number, std::string("mount ") + filesystem, image.path);
  error.detail = std::move(failure.log);
  switch (failure.error_number) {
    case ENODEV:
      error.kind = ErrorKind::unsupported_host;
      error.mend = std::string("this kernel does not know it: modprobe ") + filesystem;
      break;
    case EPERM:
    case EACCES:
      error.kind = ErrorKind::unsupported_host;
      error.mend = "mounting an image needs root; a directory does not";
      break;
    case EINVAL:
    case EIO:
    case EUCLEAN:
    case ERANGE:
    case EOPNOTSUPP:
      error.kind = ErrorKind::invalid_request;
      error.mend =
          "the image is damaged or uses what this kernel lacks: make it again with yett pack";
      break;
    default:
      break;
  }
  return fail(std::move(error));
}

Result<DetachedMount> mount_through_loop(const char* filesystem, const ImageFile& image) {
  YETT_TRY(const LoopDevice device, LoopDevice::attach(image));
  auto mounted = mount_source(filesystem, device.path());
  if (!mounted) return mount_error(filesystem, image, std::move(mounted).error());
  return std::move(mounted).value();
}

// Linux 6.12 and later read EROFS from the file; the name in /proc means the file that was checked.
Result<DetachedMount> mount_erofs(const ImageFile& image) {
  auto mounted = mount_source("erofs", "/proc/self/fd/" + std::to_string(image.fd.get()));
  if (mounted) return std::move(mounted).value();
  // ENOTBLK: an older kernel. EINVAL: a filesystem that cannot back one (tmpfs, overlayfs), or a
  // damaged image, which the loop device then tells.
  const int error_number = mounted.error().error_number;
  if (error_number != ENOTBLK && error_number != EINVAL)
    return mount_error("erofs", image, std::move(mounted).error());
  return mount_through_loop("erofs", image);
}

}  // namespace

Result<ImageKind> detect_image(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return ImageKind::directory;
  YETT_TRY(const ImageFile image, open_image_file(path));
  YETT_TRY(const ImageSummary summary, check_superblock(image));
  return summary.kind;
}

Result<DetachedMount> mount_image(const std::string& path, ImageKind kind) {
  if (kind != ImageKind::squashfs && kind != ImageKind::erofs)
    return fail(request_error(path, "is no image: only squashfs and EROFS are mounted"));
  YETT_TRY(const ImageFile image, open_image_file(path));
  YETT_TRY(const ImageSummary summary, check_superblock(image));
  if (summary.kind != kind) return fail(request_error(path, "changed its kind while it was used"));
  return kind == ImageKind::erofs ? mount_erofs(image) : mount_through_loop("squashfs", image);
}

}  // namespace yett

#include "sandbox/package/loop_device.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace yett {
namespace {

constexpr unsigned kLoopMajor = 7;
constexpr int kAttempts = 200;  // each is lost to another process that took the same free device
constexpr const char* kControl = "/dev/loop-control";

std::unexpected<Error> no_loop_device(int error_number, const std::string& subject,
                                      const char* mend) {
  Error error = errno_error(error_number, "no loop device", subject);
  error.kind = error_number == ENOSPC || error_number == ENFILE || error_number == EMFILE
                   ? ErrorKind::exhausted
                   : ErrorKind::unsupported_host;
  error.mend = mend;
  return fail(std::move(error));
}

Result<UniqueFd> open_control() {
  UniqueFd control(::open(kControl, O_RDWR | O_CLOEXEC));
  if (control.valid()) return control;
  return no_loop_device(errno, kControl,
                        errno == ENOENT ? "load the module: modprobe loop; in a container, pass "
                                          "/dev/loop-control or use an EROFS package"
                                        : "run as root, or use an EROFS package or a directory");
}

// The node of loop device `number`, made where devtmpfs did not (a container's own /dev).
Result<UniqueFd> open_node(int number, const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() && errno == ENOENT) {
    const dev_t device = makedev(kLoopMajor, static_cast<unsigned>(number));
    if (::mknod(path.c_str(), S_IFBLK | 0600, device) != 0 && errno != EEXIST)
      return no_loop_device(errno, path,
                            "make its node: mknod needs CAP_MKNOD and a writable /dev");
    fd.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  }
  if (!fd.valid()) return no_loop_device(errno, path, "allow this device in the device cgroup");
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail(errno_error("stat", path));
  if (!S_ISBLK(status.st_mode) ||
      status.st_rdev != makedev(kLoopMajor, static_cast<unsigned>(number)))
    return no_loop_device(ENODEV, path, "it is not the node of that loop device: remove it");
  return fd;
}

// The kernel serves whole blocks only, so a file whose size is not one needs the small block.
std::uint32_t block_size_for(const ImageFile& image) { return image.size % 4096 == 0 ? 4096 : 512; }

// 0, or the errno of LOOP_CONFIGURE.
int configure(BorrowedFd device, const ImageFile& image, unsigned extra_flags) {
  struct loop_config config{};
  config.fd = static_cast<unsigned>(image.fd.get());
  config.block_size = block_size_for(image);
  config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | extra_flags;
  return ::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0 ? 0 : errno;
}

// Direct I/O keeps the image from being cached twice; filesystems such as tmpfs cannot do it.
int configure_direct_or_buffered(BorrowedFd device, const ImageFile& image) {
  const int error_number = configure(device, image, LO_FLAGS_DIRECT_IO);
  return error_number == EINVAL ? configure(device, image, 0) : error_number;
}

// Longer with each lost race, different in each process.
void wait_a_little(int attempt) {
  const long microseconds = std::min(attempt * 50L, 5000L) + ::getpid() % 97;
  const struct timespec pause{.tv_sec = 0, .tv_nsec = microseconds * 1000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

LoopDevice::LoopDevice(UniqueFd fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)) {}

Result<LoopDevice> LoopDevice::attach(const ImageFile& image) {
  YETT_TRY(const UniqueFd control, open_control());
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0)
      return no_loop_device(errno, kControl, "detach unused ones: losetup -D, or raise max_loop");
    std::string path = "/dev/loop" + std::to_string(number);
    YETT_TRY(UniqueFd device, open_node(number, path));
    const int error_number = configure_direct_or_buffered(device.borrow(), image);
    if (error_number == 0) return LoopDevice(std::move(device), std::move(path));
    if (error_number != EBUSY) return fail(errno_error(error_number, "attach " + path, image.path));
    device.reset();
    wait_a_little(attempt);
  }
  return no_loop_device(EBUSY, kControl, "other processes took each free one first: try again");
}

}  // namespace yett

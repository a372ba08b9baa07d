#include "sandbox/package/image_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

namespace yett {

Result<ImageFile> open_image_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.valid()) return fail(errno_error("open package", path));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail(errno_error("stat package", path));
  if (!S_ISREG(status.st_mode))
    return fail(request_error(path, "is neither a directory nor a regular file",
                              "a package is made with: yett pack DIR app.sqfs"));
  return ImageFile{
      .fd = std::move(fd), .path = path, .size = static_cast<std::uint64_t>(status.st_size)};
}

}  // namespace yett

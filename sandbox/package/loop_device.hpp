// A loop device over an image file: read-only, and cleared by the kernel when its last user (this
// owner or a mount of it) is gone. man loop(4).
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/package/image_file.hpp"

namespace yett {

class LoopDevice {
 public:
  // Takes a free device, retrying when another process takes it first, and makes a further one,
  // with its node, when there is none. Needs CAP_SYS_ADMIN. Errors name what is missing:
  // /dev/loop-control, the right to it, or a free number.
  [[nodiscard]] static Result<LoopDevice> attach(const ImageFile& image);

  [[nodiscard]] const std::string& path() const { return path_; }  // "/dev/loop7"

 private:
  LoopDevice(UniqueFd fd, std::string path);

  UniqueFd fd_;  // closing it without a mount clears the device
  std::string path_;
};

}  // namespace yett

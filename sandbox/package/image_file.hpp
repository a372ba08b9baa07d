// An image file, opened once: what was checked is what gets mounted, whatever happens to its name.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct ImageFile {
  UniqueFd fd;  // O_RDONLY
  std::string path;
  std::uint64_t size = 0;
};

// Opens a regular file for reading; never blocks on a FIFO or takes a terminal. Error: missing, not
// readable, or no regular file.
[[nodiscard]] Result<ImageFile> open_image_file(const std::string& path);

}  // namespace yett

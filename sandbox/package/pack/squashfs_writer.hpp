// The squashfs back end of pack_image: libsquashfs does the format, several threads compress.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/package/pack/pack_image.hpp"

namespace yett {

// Writes the image into the empty file `output`.
[[nodiscard]] Status write_squashfs(const PackTree& tree, const PackOptions& options,
                                    BorrowedFd output, const PackProgress& progress);

}  // namespace yett

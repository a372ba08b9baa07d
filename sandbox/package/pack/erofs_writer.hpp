// The EROFS back end of pack_image: the tree is laid out in a staging directory beside the output,
// and mkfs.erofs (erofs-utils) makes the image; there is no library for it in Debian 12.
#pragma once

#include "base/result.hpp"
#include "sandbox/package/pack/pack_image.hpp"

namespace yett {

// Writes the image to the file `partial`. lz4hc in clusters of 64 KiB with the tails packed: Linux
// 5.17 and later read it.
[[nodiscard]] Status write_erofs(const PackTree& tree, const PackOptions& options,
                                 const std::string& partial, const PackProgress& progress);

}  // namespace yett

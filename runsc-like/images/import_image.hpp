// Importing an image: an OCI layout (a directory, or an archive of one), docker-archive, a root
// file system in a tar, a zip or tar with a bundle in it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "runsc-like/images/image_store.hpp"
#include "runsc-like/images/unpack.hpp"

namespace yett {

struct ImportedImage {
  StoredImage image;
  std::uint64_t left_out = 0;  // devices, pipes and sockets
};

// Nothing is left of an import that fails. Every blob that is read is what its digest says, or it
// is refused; a layer that the store has is not read again.
[[nodiscard]] Result<ImportedImage> import_image(const ImageStore& store, const std::string& path,
                                                 const ImageName& name, UnpackBounds bounds);

}  // namespace yett

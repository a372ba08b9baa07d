#include "runsc-like/cli/image_options.hpp"

#include "base/text.hpp"

namespace yett {

ImageStore image_store_of(const CommandLine& given) {
  return ImageStore(given.value("image-root", kDefaultImageRoot));
}

Result<UnpackBounds> bounds_of(const CommandLine& given) {
  UnpackBounds bounds;
  if (!given.has("max-size")) return bounds;
  const auto bytes = parse_size(given.value("max-size"));
  if (!bytes || *bytes == 0)
    return fail(request_error("--max-size " + given.value("max-size"), "wanted a size, as 512M"));
  bounds.bytes = *bytes;
  return bounds;
}

}  // namespace yett

// What an image says that it is made of: the documents of an OCI layout, or of a docker-archive.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runsc-like/images/image_config.hpp"
#include "runsc-like/images/image_files.hpp"

namespace yett {

struct LayerSource {
  std::string path;  // below the image's directory; of a layout: empty
  std::string blob;  // "sha256:HEX"; of a docker-archive, which does not say: empty
};
struct ImageParts {
  std::vector<LayerSource> layers;  // the topmost last; none of them was read
  ImageConfig config;
};

[[nodiscard]] Result<ImageParts> read_layout(const ImageFiles& files);
[[nodiscard]] Result<ImageParts> read_docker_archive(const ImageFiles& files);

}  // namespace yett

// Changes of an image's configuration, in the words of a Dockerfile.
#pragma once

#include <string>

#include "base/result.hpp"
#include "runsc-like/images/image_config.hpp"

namespace yett {

// "CMD sh -c true" (by a shell), "CMD [\"a\", \"b\"]", "ENV NAME=VALUE", "WORKDIR /srv", "USER
// app". Error: it is none of them.
[[nodiscard]] Status change_config(ImageConfig& config, const std::string& change);

}  // namespace yett

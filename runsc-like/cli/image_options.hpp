// Options of every command that fills the image store.
#pragma once

#include "base/result.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/images/image_store.hpp"
#include "runsc-like/images/unpack.hpp"

namespace yett {

inline constexpr Option kImageRootOption{0, "image-root", "DIR",
                                         "Where images are kept (default /var/lib/yett)"};
inline constexpr Option kMaxSizeOption{0, "max-size", "SIZE",
                                       "Most that is unpacked or copied (default 16G)"};

[[nodiscard]] ImageStore image_store_of(const CommandLine& given);
[[nodiscard]] Result<UnpackBounds> bounds_of(const CommandLine& given);

}  // namespace yett

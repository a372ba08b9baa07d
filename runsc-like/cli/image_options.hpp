// Options of every command that fills the image store.
#pragma once

#include "base/result.hpp"
#include "runsc-like/cli/oci_options.hpp"
#include "runsc-like/images/image_store.hpp"
#include "runsc-like/images/unpack.hpp"

namespace yett {

inline constexpr OciOption kImageRootOption{"image-root", '\0', OptionValue::required,
                                            "Where images are kept (default /var/lib/yett)"};
inline constexpr OciOption kMaxSizeOption{"max-size", '\0', OptionValue::required,
                                          "Most that is unpacked or copied (default 16G)"};

[[nodiscard]] ImageStore image_store_of(const OciArguments& given);
[[nodiscard]] Result<UnpackBounds> bounds_of(const OciArguments& given);

}  // namespace yett

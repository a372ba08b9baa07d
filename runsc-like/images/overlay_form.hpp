// How overlayfs writes in a layer what the layer does to those below it: documented in the kernel's
// Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// What lower layers have at `name` in `directory` is deleted. Errors: there is something already;
// the file system takes no devices.
[[nodiscard]] Status make_deletion(BorrowedFd directory, const std::string& name);
// What lower layers have in `directory` is hidden. Errors: the file system keeps no such
// attributes.
[[nodiscard]] Status hide_below(BorrowedFd directory);
[[nodiscard]] bool hides_below(BorrowedFd directory);

}  // namespace yett

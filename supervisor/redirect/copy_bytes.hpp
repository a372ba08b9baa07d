// All that is in a file, into an empty one: shared where the file system can.
#pragma once

#include "base/unique_fd.hpp"

namespace yett {

// 0 or an errno.
[[nodiscard]] int copy_bytes(BorrowedFd from, BorrowedFd into);

}  // namespace yett

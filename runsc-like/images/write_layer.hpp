// A new layer of what was changed in a root: files copied by descriptor out of a tree that a
// hostile program may still be changing, deletions in overlay's form.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runsc-like/images/tree_changes.hpp"
#include "runsc-like/images/unpack.hpp"

namespace yett {

struct WrittenLayer {
  std::string digest;  // of all that is in it
  Unpacked unpacked;
};

// `into` is an empty directory. As with imported layers, owners, set-id bits and devices are not
// kept. What belonged to another than root is for everybody what it was for its owner:
// within a sandbox there is one user, and its host id is another each time. What vanishes while it
// is copied is left out. Errors: more than the bounds.
// SECURITY(commit-beneath): nothing outside the root is read, whatever its links say.
[[nodiscard]] Result<WrittenLayer> write_layer(BorrowedFd root,
                                               const std::vector<TreeChange>& changes,
                                               BorrowedFd into, UnpackBounds& bounds);

}  // namespace yett

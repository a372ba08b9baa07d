// A new layer of what was changed in a root: files copied by descriptor out of a tree that a
// hostile program may still be changing, deletions in overlay's form.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runsc-like/images/tree_changes.hpp"
#include "runsc-like/images/unpack.hpp"

namespace yett {

// Whose files they are. An image keeps no owners, and the host id of a sandbox's user is another
// each time: what was one user's is for everybody what it was for its owner. What several users
// kept from one another stays closed.
enum class Owners { one_user, several };

struct WrittenLayer {
  std::string digest;  // of all that is in it
  Unpacked unpacked;
  // Files that were their owner's alone and now are for whoever is the image's user.
  std::vector<std::string> opened;
};

// `into` is an empty directory. As with imported layers, set-id bits and devices are not kept. What
// vanishes while it is copied is left out. Errors: more than the bounds.
// SECURITY(commit-beneath): nothing outside the root is read, whatever its links say.
[[nodiscard]] Result<WrittenLayer> write_layer(BorrowedFd root,
                                               const std::vector<TreeChange>& changes,
                                               Owners owners, BorrowedFd into,
                                               UnpackBounds& bounds);

}  // namespace yett

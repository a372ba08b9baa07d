// A package in place of its mount, for who may mount none: squashfs and EROFS are given to root of
// the host alone by the kernel.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/request/sandbox_request.hpp"

namespace yett {

enum class Unpacking { now, not_yet };

// Of a request for a package's image file: makes it one for the directory into which the package is
// unpacked. What keeps the directory there goes with the descriptor; invalid: nothing was to be
// done, for the caller may mount it, or `not_yet` was asked for. Precondition: no other thread.
[[nodiscard]] Result<UniqueFd> unpack_where_mounts_are_refused(SandboxRequest& request,
                                                               Unpacking when);

}  // namespace yett

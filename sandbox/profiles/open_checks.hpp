// Opens that a sandbox's supervisor has no part in, where it opens files on the target's behalf:
// what makes a file, what wants a directory, what is opened for its path alone.
#pragma once

#include <string_view>

#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

// Of `open` and `openat`: what holds when the call is one of these and gives no set-uid or set-gid
// bit. Empty for any other call.
[[nodiscard]] ArgumentConditions own_open_conditions(std::string_view call);

}  // namespace yett

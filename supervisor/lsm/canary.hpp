// The canary: a throw-away child that wears the canary's label, does what that label forbids and
// must be refused. Programs that load but do not enforce are found here, at every start.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// About 100 us. Preconditions: the canary's policy entry stands.
[[nodiscard]] Status run_canary(BorrowedFd labels);

}  // namespace yett

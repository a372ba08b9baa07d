// Whether the supervisor can get hold of what a sandbox's processes have open.
#pragma once

namespace yett {

// pidfd_getfd(2), tried on ourselves: the filters of ordinary containers refuse it.
[[nodiscard]] bool can_copy_descriptors();

}  // namespace yett

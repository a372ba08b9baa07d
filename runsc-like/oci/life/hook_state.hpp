// What startContainer hooks get on stdin. They run inside, long after `create` has left: the state
// waits for them in a file that the container's process holds.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/oci/state/container_state.hpp"

namespace yett::oci {

// An empty file without a name.
[[nodiscard]] Result<UniqueFd> make_hook_state();
// Writes the state, with the pid as the container sees it, for the last time: no hook can change
// what the next one reads.
[[nodiscard]] Status fill_hook_state(BorrowedFd file, const ContainerState& state);

}  // namespace yett::oci

// What is left of a container whose state file cannot be read.
#pragma once

#include "base/result.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett::oci {

// As much of its state as its configuration tells: its cgroup, with all that runs in it. Error: who
// runs of it cannot be known, and it has to be kept; `unreadable` is what the state file's reading
// came to.
[[nodiscard]] Result<ContainerState> find_remains(const ContainerDirectory& directory,
                                                  const Error& unreadable);

}  // namespace yett::oci

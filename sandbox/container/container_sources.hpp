// What the parent opens for a container's process, which could not by itself: it may be root of a
// user namespace only, or stand in another mount namespace.
#pragma once

#include "base/result.hpp"
#include "sandbox/container/container_plan.hpp"

namespace yett {

// Fills in the id_map of idmapped mounts, `opened` of binds, and root_mount. Preconditions: the
// working directory is the root filesystem's.
[[nodiscard]] Status open_container_sources(ContainerPlan& plan);

}  // namespace yett

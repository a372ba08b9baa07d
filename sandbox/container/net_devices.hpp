// Network devices of the runtime's that a container takes over (linux.netDevices).
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/container/container_plan.hpp"

namespace yett {

// Moves each from the caller's network namespace into the other one, renames it, gives it back its
// permanent global addresses and raises it. What was moved when an error comes is not moved back:
// the kernel does what it does with a namespace that ends. Preconditions: single-threaded.
[[nodiscard]] Status move_net_devices(const std::vector<ContainerNetDevice>& devices,
                                      BorrowedFd network_namespace);

}  // namespace yett

// The system-call part of the built-in policy `container`: what images expect under Docker's
// default profile (moby, profiles/seccomp/default.json), and nothing that it refuses. Narrower than
// it where no image was seen to need more: socket families, terminals' injection, kernel TLS,
// priority-less leftovers; each with its reason.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

// The capabilities that Docker leaves to a container by default, bit n for capability n.
[[nodiscard]] std::uint64_t default_container_capabilities();

// Calls that do nothing without a capability are there only for who has it: `capabilities` is the
// bounding set of the container.
[[nodiscard]] std::vector<SyscallRule> make_container_syscalls(std::uint64_t capabilities);

}  // namespace yett

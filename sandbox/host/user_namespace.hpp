// A user without rights makes a user namespace of its own and is root in it: there it may do what
// the full mode does, with what belongs to that namespace. docs/decisions/0034-rootless.md.
#pragma once

#include "base/result.hpp"
#include "sandbox/host/attempt.hpp"
#include "sandbox/host/subordinate_ids.hpp"

namespace yett {

[[nodiscard]] bool in_initial_user_namespace();

// Moves the calling process into a user namespace in which its own uid and gid are 0 and no other
// is mapped, and into a mount namespace of it, as yet with shared propagation. Precondition: a
// single thread. user_namespaces(7).
[[nodiscard]] Attempt enter_user_namespace();

// The same for good, as the rootless mode begins: the mounts are private from here on, and with
// `more` the ids from 1 on are those. Does nothing for who is root already. Error: this host allows
// no user namespace, with what forbids it.
[[nodiscard]] Status become_namespace_root(const std::optional<SubordinateIds>& more = {});

}  // namespace yett

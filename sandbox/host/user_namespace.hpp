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

// Of a process that has become root of a namespace: its mounts are a copy that it may change, or
// still the caller's, which it can only look at.
enum class OwnMounts { now, later };

// The same for good, as the rootless mode begins: with `more` the ids from 1 on are those. Does
// nothing for who is root already. Error: this host allows no user namespace, with what forbids it.
[[nodiscard]] Status become_namespace_root(const std::optional<SubordinateIds>& more = {},
                                           OwnMounts mounts = OwnMounts::now);

// What was left for later: the mounts are the calling thread's own from here on, and private.
[[nodiscard]] Status take_own_mounts();

}  // namespace yett

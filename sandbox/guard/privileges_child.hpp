// Giving up every privilege, for good. Runs between clone and exec, after the user namespace was
// unshared and its maps were written. Raw system calls only: libc's setresuid would try to
// synchronise threads.
#pragma once

#include "ioctl_uapi/child_result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// SECURITY(no-groups): before the user namespace, while setgroups is still allowed.
[[nodiscard]] ChildResult drop_groups();
[[nodiscard]] ChildResult set_rlimits(const SandboxPlan& plan);
// The limit of processes alone, a little wider: it counts yett's own of this sandbox, too.
[[nodiscard]] ChildResult bound_tasks(const SandboxPlan& plan);
[[nodiscard]] ChildResult take_identity(const SandboxPlan& plan);
// SECURITY(no-capabilities): bounding, ambient, inheritable, permitted, effective: all empty,
// securebits locked. `kept` (bits; of a sandbox of several ids, none else): what its root may do to
// those ids, until it becomes another of them.
[[nodiscard]] ChildResult drop_capabilities(std::uint64_t kept = 0);
// SECURITY(no-new-privs)
[[nodiscard]] ChildResult forbid_new_privileges();

}  // namespace yett

// What is set once inside the fresh namespaces. Runs between clone and exec, as host root, before
// the user namespace is unshared: so the namespaces belong to the host's user namespace, and no
// capability that the sandbox could ever gain reaches them.
#pragma once

#include "ioctl_uapi/child_result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

[[nodiscard]] ChildResult set_hostname(const SandboxPlan& plan);
// Brings lo up, so that programs that talk to themselves work in an otherwise empty network.
[[nodiscard]] ChildResult raise_loopback();
// Per-namespace sysctls, through the host's /proc, which knows the writer's own namespaces.
[[nodiscard]] ChildResult set_sysctls(const SandboxPlan& plan);
// SECURITY(session-keyring): a new one, so that the caller's keys are out of reach.
[[nodiscard]] ChildResult join_new_session_keyring();

}  // namespace yett

// Calls on files that the supervisor carries out in the target's place (in_target.hpp), each opted
// in by [syscalls] emulate. Each returns the errno to answer with, 0 for success; arguments are
// copied once, and everything is decided and done on the copies.
#pragma once

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// mknod(2) and mknodat(2) of the character devices null, zero, full, random, urandom and tty: the
// sandbox's own node is bound at the place. Any other device: EPERM.
[[nodiscard]] int emulate_mknod(const PendingNotification& pending, const SandboxPlan& plan);
[[nodiscard]] int emulate_mknodat(const PendingNotification& pending, const SandboxPlan& plan);

// mount(2) of a tmpfs, of the sandbox's own /proc, and bind mounts of what the sandbox sees, with
// everything that lies below it. Bind-remounts may only take rights away. All else: EPERM.
[[nodiscard]] int emulate_mount(const PendingNotification& pending, const SandboxPlan& plan);

// setxattr(2), lsetxattr(2) and fsetxattr(2): attributes trusted.* and security.* are kept as
// user.yett.trusted.* and user.yett.security.*, which mean nothing to any kernel.
[[nodiscard]] int emulate_setxattr(const PendingNotification& pending, const SandboxPlan& plan);

// chmod(2), utimensat(2) and their kin, in the fallback mode: of what lies in a place that the plan
// lets the sandbox write in. All else: EPERM.
[[nodiscard]] int emulate_attributes(const PendingNotification& pending, const SandboxPlan& plan);

}  // namespace yett

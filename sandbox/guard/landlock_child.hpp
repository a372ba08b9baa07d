// The Landlock plane: restricts the calling task for good, by the plan's rights. man landlock(7);
// the numbers of newer ABIs are in ioctl_uapi/landlock.hpp.
#pragma once

#include "ioctl_uapi/child_result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// Preconditions: no_new_privs is set; the new root is entered (rule paths are inside).
[[nodiscard]] ChildResult restrict_with_landlock(const LandlockPlan& plan);

}  // namespace yett

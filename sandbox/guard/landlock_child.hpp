// The Landlock plane: restricts the calling task for good, by the plan's rights. man landlock(7);
// the numbers of newer ABIs are in ioctl_uapi/landlock.hpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "ioctl_uapi/child_result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// A ruleset without rules, which restricts nobody yet: a descriptor that closes on exec, or -errno.
[[nodiscard]] int open_landlock_ruleset(const LandlockPlan& plan);

// Adds the rules from `next` on, which several processes may do together: each is added by the one
// that took its number. Precondition: the new root is entered (rule paths are inside).
[[nodiscard]] ChildResult add_landlock_rules(const LandlockPlan& plan, int ruleset,
                                             std::atomic<std::uint32_t>& next);

// Takes `ruleset`, whose rules are all added; -1: it is made now. Preconditions: no_new_privs is
// set, and the above.
[[nodiscard]] ChildResult restrict_with_landlock(const LandlockPlan& plan, int ruleset = -1);

// The rights as a descriptor, for another process to restrict itself by; left as it is where the
// plan applies none. Precondition: the new root is entered.
[[nodiscard]] ChildResult make_landlock_ruleset(const LandlockPlan& plan, int& ruleset);

}  // namespace yett

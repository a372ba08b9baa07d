// The filter's rules as rows for people. Made on demand: a run that prints none pays for none.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// "allow", "allow by arguments, else EPERM", "refuse ENOSYS", "kill", "supervisor".
[[nodiscard]] std::string answer_text(const SyscallRule& rule);

// One row per call that is reachable; the refused ones are one row together.
[[nodiscard]] std::vector<PlacedRule> syscall_rows(const FilterPlan& filter);

// Calls that can do more than fail.
[[nodiscard]] std::size_t count_reachable(const FilterPlan& filter);

}  // namespace yett

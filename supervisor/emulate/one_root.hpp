#pragma once

#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// Do all programs under the filter have the same root directory, for it lets none take another one:
// no change of root, no mount namespace, no user namespace that would give the right to either?
[[nodiscard]] bool has_one_root(const FilterPlan& filter);

}  // namespace yett

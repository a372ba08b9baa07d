// The plan as JSON text, for `yett run --dry-run`: everything that parent and child will carry out.
#pragma once

#include <string>

#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// Indented, with a newline at its end. Bytes that are no UTF-8 are shown as U+FFFD.
[[nodiscard]] std::string plan_json(const SandboxPlan& plan);

}  // namespace yett

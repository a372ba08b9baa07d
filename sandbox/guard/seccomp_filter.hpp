// The filter plane: a FilterPlan as classic BPF, for the child to install with seccomp(2).
#pragma once

#include <linux/filter.h>

#include <vector>

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct CompiledFilter {
  std::vector<sock_filter> program;
  [[nodiscard]] bool empty() const { return program.empty(); }
};

// Pure, and cheaper than reading a kept copy back would be (some 30 us). Architecture first: i386
// and x32 kill the process; an unknown number is ENOSYS; `notify`, and refusals that the plan
// audits, become seccomp's user notification. Errors: internal, for a rule that cannot be written.
[[nodiscard]] Result<CompiledFilter> compile_filter(const FilterPlan& plan);

}  // namespace yett

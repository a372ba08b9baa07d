// The filter plane: a FilterPlan compiled to classic BPF through libseccomp, once per plan; the
// bytes are kept in the runtime directory by hash and installed with seccomp(2) by the child.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct CompiledFilter {
  std::vector<sock_filter> program;
  [[nodiscard]] bool empty() const { return program.empty(); }
};

// Pure but for libseccomp's own state. Architecture first: i386 and x32 kill the process; an
// unknown number is ENOSYS; seccomp's user notification for `notify` (and for refusals, when the
// plan audits them).
[[nodiscard]] Result<CompiledFilter> compile_filter(const FilterPlan& plan);

// compile_filter through the cache: `cache_directory` (0700, ours) holds one file per plan hash,
// written atomically. A cache that cannot be read or written costs time, not safety; a damaged
// entry is remade.
[[nodiscard]] Result<CompiledFilter> load_or_compile_filter(const FilterPlan& plan,
                                                            const std::string& cache_directory);

}  // namespace yett

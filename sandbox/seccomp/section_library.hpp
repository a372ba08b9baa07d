// A section by libseccomp: what our own compiler has no plain meaning for, and the calls of other
// ABIs. Milliseconds for a long list: docs/decisions/0017.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/seccomp/section_rules.hpp"

namespace yett {

// libseccomp's number of "SCMP_ARCH_X86_64" and its like; 0: it knows none of that name.
[[nodiscard]] std::uint32_t architecture_token(const std::string& name);

// `rules` are the section's. Pure but for a memfd that libseccomp writes into. Errors: system.
[[nodiscard]] Result<std::vector<sock_filter>> compile_by_library(const SeccompSection& section,
                                                                  const SectionRules& rules);

}  // namespace yett

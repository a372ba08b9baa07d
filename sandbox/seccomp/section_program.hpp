// Our own compiler of a section, for what nearly every section is: docs/decisions/0017.
#pragma once

#include <linux/filter.h>

#include <optional>
#include <vector>

#include "sandbox/seccomp/section_rules.hpp"

namespace yett {

// Calls of this machine's own ABI only; those of others get what libseccomp gives an architecture
// that no section names. Nothing for rules of which several could hold for one call with different
// answers, or that compare in a way that has no plain meaning: libseccomp's order is then the
// answer.
[[nodiscard]] std::optional<std::vector<sock_filter>> write_section_program(
    const SectionRules& section);

}  // namespace yett

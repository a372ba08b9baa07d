// What was refused, for a person at a terminal.
#pragma once

#include <string>

#include "supervisor/audit/audit_sink.hpp"

namespace yett {

// A table with one line per call and rule, the most frequent first: count, call, errno, rule, and
// under it the policy change that would have allowed it. Empty when nothing was refused and nothing
// lost. Everything that a target could have chosen is escaped.
[[nodiscard]] std::string format_refusals(const AuditSink& sink);

}  // namespace yett

// What the namespaces, Landlock's network part and the limits refused.
#pragma once

#include <optional>

#include "supervisor/explain/file_refusal.hpp"

namespace yett {

[[nodiscard]] std::optional<Refusal> explain_network(const SandboxPlan& plan,
                                                     const ObservedCall& call);
// A limit that was reached, not one whose change was refused.
[[nodiscard]] std::optional<Refusal> explain_limit(const SandboxPlan& plan,
                                                   const ObservedCall& call);
// The limit that would have let a change of one pass, of setrlimit and prlimit64.
[[nodiscard]] std::vector<PolicyChange> grant_limit(const ObservedCall& call);

}  // namespace yett

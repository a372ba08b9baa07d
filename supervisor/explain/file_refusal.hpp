// The mount tree's and Landlock's part of an attribution: what a mount or a file right refused.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"
#include "sandbox/policy/policy_change.hpp"
#include "supervisor/explain/observed_call.hpp"

namespace yett {

struct Refusal {
  Plane plane = Plane::mount_tree;
  std::string rule;
  std::string object;
  std::string resolved;
  std::vector<PolicyChange> change;  // empty: no rule grants it
};

// What the call wants of its file.
enum class FileIntent { none, look, read, write, create, execute };
[[nodiscard]] FileIntent file_intent(const ObservedCall& call);

// The entry of the plan that a path lies in: the innermost.
[[nodiscard]] const MountEntry& place_of(const SandboxPlan& plan, std::string_view path);
// "bind of the host's /srv, read-only, noexec".
[[nodiscard]] std::string place_text(const SandboxPlan& plan, const MountEntry& place);

[[nodiscard]] std::optional<Refusal> explain_file(const SandboxPlan& plan,
                                                  const ObservedCall& call);

}  // namespace yett

// What one policy allows and another does not, rule by rule. Pure.
#pragma once

#include <string>
#include <vector>

#include "sandbox/policy/policy.hpp"

namespace yett {

// Of the new policy against the old: it allows more, it allows less, or it is another rule of which
// neither can be said (a list of programs that begins or ends).
enum class Direction { wider, narrower, other };

struct PolicyDifference {
  Direction direction = Direction::other;
  std::string text;  // "files.read /srv", "limits.memory 64 MiB -> none"
};

// Empty exactly when both have the same canonical text.
[[nodiscard]] std::vector<PolicyDifference> diff_policies(const Policy& old_policy,
                                                          const Policy& new_policy);

}  // namespace yett

// What a change of a policy opens besides the call that it was made for, in words.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sandbox/policy/policy_change.hpp"

namespace yett {

// Whether a path of the host is a directory; asked of whoever may look.
using IsDirectory = std::function<bool(const std::string&)>;

[[nodiscard]] std::vector<std::string> effects_of(const std::vector<PolicyChange>& changes,
                                                  const IsDirectory& is_directory);

}  // namespace yett

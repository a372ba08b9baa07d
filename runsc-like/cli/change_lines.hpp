// Changes of a root, for a person.
#pragma once

#include <string>
#include <vector>

#include "runsc-like/images/tree_changes.hpp"

namespace yett {

// "A /srv/result", a line each.
[[nodiscard]] std::string change_lines(const std::vector<TreeChange>& changes);

}  // namespace yett

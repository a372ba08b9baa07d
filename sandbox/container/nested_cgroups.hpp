// Cgroups that a container made inside its own: an init system's, another container engine's.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace yett {

// The processes of `directory` and of all below it, sorted; those of one that is gone are none. 0
// stands for those that the caller's pid namespace does not show.
[[nodiscard]] Result<std::vector<int>> nested_processes(const std::string& directory);

// Is any process in `directory` or below it? Also when that cannot be found out.
[[nodiscard]] bool nested_hold_processes(const std::string& directory);
// Kills what is in them and removes them, however deep they are; `directory` itself stays. Waits
// 5 s at most for processes to die.
[[nodiscard]] Status remove_nested_cgroups(const std::string& directory);

}  // namespace yett

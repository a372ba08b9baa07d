// Cgroups that a container made inside its own: an init system's, another container engine's.
#pragma once

#include <string>

#include "base/result.hpp"

namespace yett {

// Is any process in `directory` or below it? Also when that cannot be found out.
[[nodiscard]] bool nested_hold_processes(const std::string& directory);
// Kills what is in them and removes them, however deep they are; `directory` itself stays. Waits
// 5 s at most for processes to die.
[[nodiscard]] Status remove_nested_cgroups(const std::string& directory);

}  // namespace yett

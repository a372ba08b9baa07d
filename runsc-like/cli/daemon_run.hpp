// What `yett run` is in a supervisor of yettd's.
#pragma once

#include <string>
#include <vector>

#include "supervisor/daemon/starter.hpp"

namespace yett {

// RunWords of yettd's starter.
[[nodiscard]] int run_under_daemon(const std::vector<std::string>& words, WhenStarted when,
                                   const SupervisorLine& line);

}  // namespace yett

// What yettd runs, as it tells this user.
#pragma once

#include <string>
#include <vector>

#include "runsc-like/cli/daemon_link.hpp"

namespace yett {

// All of them, a page of yett/uapi.h's at a time, in the order of their numbers.
[[nodiscard]] Result<std::vector<yett_program_info>> read_programs(DaemonLink& link);
// What one was made of, for a terminal.
[[nodiscard]] std::string made_of(const yett_program_info& program);

// Where a daemon listens that this user reaches without naming it; empty: nowhere.
[[nodiscard]] std::string usual_host();

}  // namespace yett

// Programs started, timed and listened to.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace yett::bench {

using CommandLine = std::vector<std::string>;

// Microseconds of fork, exec and wait, output thrown away. Error: an exit status other than 0, with
// what the program said on stderr.
[[nodiscard]] Result<double> time_command(const CommandLine& command);

// What the program printed.
[[nodiscard]] Result<std::string> output_of(const CommandLine& command);

// "a 'b c' d", for messages.
[[nodiscard]] std::string quoted(const CommandLine& command);

}  // namespace yett::bench

// Programs started, timed and listened to.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace yett::bench {

using CommandLine = std::vector<std::string>;

// Microseconds of fork, exec and wait, output thrown away. Error: an exit status other than 0, with
// what the program said on stderr.
[[nodiscard]] Result<double> time_command(const CommandLine& command);

// The same for `count` of them started at once: until the last has ended, shared out among all.
// Each
// "{}" becomes a name that no other start has.
[[nodiscard]] Result<double> time_at_once(const CommandLine& command, std::size_t count);

// What the program printed.
[[nodiscard]] Result<std::string> output_of(const CommandLine& command);

// "a 'b c' d", for messages.
[[nodiscard]] std::string quoted(const CommandLine& command);

}  // namespace yett::bench

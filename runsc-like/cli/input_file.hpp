// A file named on the command line, read whole, with a bound.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace yett {

// Errors: missing, not a regular file or pipe, larger than `max_bytes`; each names the path.
[[nodiscard]] Result<std::string> read_input_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace yett

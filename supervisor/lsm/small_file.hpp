// Files of /proc: small, or read whole anyway.
#pragma once

#include <string>

#include "base/result.hpp"

namespace yett {

[[nodiscard]] Result<std::string> read_proc_file(const std::string& path);

}  // namespace yett

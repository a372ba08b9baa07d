// `yett exec` into a sandbox of `yett run`.
#pragma once

#include "runsc-like/cli/oci_command.hpp"

namespace yett {

// Is it a sandbox, not a container of a bundle?
[[nodiscard]] bool is_sandbox(const std::string& id);
// Returns the exit status; errors are told.
[[nodiscard]] int sandbox_exec(const OciCommandLine& line);

}  // namespace yett

// How `yett run` tells what became of a sandbox.
#pragma once

#include "runsc-like/cli/run_options.hpp"
#include "supervisor/session/session_report.hpp"

namespace yett {

inline constexpr int kRunFailure = 125;  // as docker and podman report a failure of their own

// On stderr, and in the file of --report. Returns the exit status.
[[nodiscard]] int tell_run_report(const RunOptions& options, const SessionReport& report);

}  // namespace yett

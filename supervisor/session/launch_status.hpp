// What a failed launch is told as: to the caller of `yett run` and of `yett exec`.
#pragma once

#include "base/error.hpp"
#include "sandbox/launch/launcher.hpp"

namespace yett {

inline constexpr int kLaunchFailureStatus = 125;  // as docker and podman report one of their own

// 127: there is no such program; 126: it cannot be executed; 125: ours.
[[nodiscard]] int exit_status_of(const LaunchFailure& failure);

// "not found" alone sends people looking in the wrong place when the host has the program and the
// sandbox has not. `host_directory` is the caller's; empty: unknown.
void add_exec_hint(Error& error, const std::string& host_directory, const SandboxPlan& plan);

}  // namespace yett

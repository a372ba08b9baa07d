// `yett uapi-shell --socket`: the control socket for a program of the host's that makes sandboxes.
// Nothing of the caller's is confined; what it has made runs like any sandbox.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/control/stand_in.hpp"

namespace yett {

// Listens at `path`, which nothing may be at yet, until SIGINT, SIGTERM or SIGHUP; it is gone
// afterwards, and every program that was begun. `plan`: what the sandboxes will be like, told by
// YETT_INFO; `words`: yett's command line for one of their programs. Preconditions: root; one
// thread.
[[nodiscard]] Status serve_manager(
    const std::string& path, const SandboxPlan& plan,
    const std::function<std::vector<std::string>(const InsteadOf&)>& words);

}  // namespace yett

// [on] supervisor_loss of a running sandbox: who goes on with it, and with what.
#pragma once

#include "base/result.hpp"
#include "sandbox/launch/launcher.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/session/foreground.hpp"
#include "supervisor/session/session_parts.hpp"

namespace yett {

// Of a plan that has none: nothing. Else it returns in the supervisor, and again in each successor
// that has taken over (successor.hpp), with `parts` as that one needs them. Preconditions: nothing
// of the sandbox is served yet; no other thread.
[[nodiscard]] Status arrange_succession(const SandboxPlan& plan, const SessionOptions& options,
                                        Parts& parts);
// Of a sandbox that was frozen when it was taken over: returns when somebody has thawed it (`yett
// resume`, or whoever ends it), or it has ended.
void stand_still(const RunningSandbox& running, const Parts& parts);

}  // namespace yett

// From a verdict to the call that carries it out.
#pragma once

#include "supervisor/emulate/emulate.hpp"
#include "supervisor/verdict/verdict.hpp"

namespace yett {

// The answer that the target gets. Emulation::none, which no verdict of the engine's is: EPERM.
[[nodiscard]] CallAnswer carry_out_emulation(const PendingNotification& pending,
                                             Emulation emulation, const SandboxPlan& plan,
                                             const SysinfoEmulator& sysinfo);

}  // namespace yett

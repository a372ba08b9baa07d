// Who makes a call of yett/uapi.h, as one carrier brings it: what its addresses mean, and what it
// may have made. One class for each carrier; the commands themselves are ControlCalls'.
#pragma once

#include <cerrno>
#include <functional>
#include <string>

#include "supervisor/control/call_memory.hpp"
#include "supervisor/control/sandbox_manager.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// Makes the calling program the template of others, as YETT_READY: errno, or 0.
using MakeTemplate = std::function<int(const PendingNotification& pending)>;

// Numbers are errno, 0: done.
class ControlCaller : public CallMemory {
 public:
  // As SandboxManager's of these names: a number, or -errno. EOPNOTSUPP: not by this carrier.
  [[nodiscard]] virtual int create(SandboxManager& manager, const std::string& path) = 0;
  [[nodiscard]] virtual int add_self(SandboxManager& manager, int number) = 0;
  [[nodiscard]] virtual int spawn(SandboxManager& manager, int number, InsteadOf wanted) = 0;
  [[nodiscard]] virtual int become_template(const MakeTemplate& /*make*/) { return EOPNOTSUPP; }
};

}  // namespace yett

#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

const char* syscall_action_name(SyscallAction action) {
  switch (action) {
    case SyscallAction::allow:
      return "allow";
    case SyscallAction::refuse:
      return "refuse";
    case SyscallAction::kill:
      return "kill";
    case SyscallAction::notify:
      return "notify";
    case SyscallAction::log:
      return "log";
  }
  return "unknown action";
}

}  // namespace yett

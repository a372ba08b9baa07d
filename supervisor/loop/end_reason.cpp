#include "supervisor/loop/end_reason.hpp"

namespace yett {

const char* end_reason_name(EndReason reason) {
  switch (reason) {
    case EndReason::exited:
      return "exited";
    case EndReason::signaled:
      return "signaled";
    case EndReason::function_ended:
      return "function_ended";
    case EndReason::wall_time:
      return "wall_time";
    case EndReason::out_of_memory:
      return "out_of_memory";
    case EndReason::out_of_disk:
      return "out_of_disk";
    case EndReason::init_lost:
      return "init_lost";
    case EndReason::killed_by_policy:
      return "killed_by_policy";
  }
  return "init_lost";
}

}  // namespace yett

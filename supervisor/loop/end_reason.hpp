// Why a sandbox has ended.
#pragma once

namespace yett {

enum class EndReason {
  exited,
  signaled,
  function_ended,  // of an application, which alone knows how
  wall_time,
  out_of_memory,
  out_of_disk,
  init_lost,
  killed_by_policy
};
[[nodiscard]] const char* end_reason_name(EndReason reason);

}  // namespace yett

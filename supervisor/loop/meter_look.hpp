// What is counted by looking, where no cgroup counts.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

namespace yett {

enum class EndReason {
  exited,
  signaled,
  wall_time,
  out_of_memory,
  out_of_disk,
  init_lost,
  killed_by_policy
};
[[nodiscard]] const char* end_reason_name(EndReason reason);

struct MeterLook {
  std::optional<EndReason> kills_for;  // the sandbox is killed for it
  std::chrono::microseconds next{};    // when to look again
};
using LookAtMeter = std::function<MeterLook()>;

}  // namespace yett

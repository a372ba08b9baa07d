// What is counted by looking, where no cgroup counts.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "supervisor/loop/end_reason.hpp"

namespace yett {

struct MeterLook {
  std::optional<EndReason> kills_for;  // the sandbox is killed for it
  std::chrono::microseconds next{};    // when to look again
};
using LookAtMeter = std::function<MeterLook()>;

}  // namespace yett

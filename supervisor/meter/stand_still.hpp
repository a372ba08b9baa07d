// A sandbox of the fallback mode stands still as long as this lives: what it has is counted at one
// moment. Who stood still before stays so.
#pragma once

#include <map>

#include "base/unique_fd.hpp"
#include "supervisor/meter/sandbox_processes.hpp"

namespace yett {

class StandStill {
 public:
  explicit StandStill(const SandboxProcesses& processes);
  StandStill(const StandStill&) = delete;
  StandStill& operator=(const StandStill&) = delete;
  ~StandStill();

 private:
  [[nodiscard]] bool stop_more(const SandboxProcesses& processes);
  std::map<int, UniqueFd> stopped_;  // owners of /proc/PID
};

}  // namespace yett

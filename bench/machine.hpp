// The machine that a result was made on: without it, a figure is worth nothing.
#pragma once

#include <string>
#include <vector>

namespace yett::bench {

struct Machine {
  std::string kernel;
  std::string processor;
  long processors = 0;
  std::string memory;
  double load = 0;                    // of the last minute, before the first measurement
  bool realtime = false;              // measured above everything else that ran
  std::vector<std::string> versions;  // "bubblewrap 0.8.0"
  std::string date;                   // ISO, UTC
};

[[nodiscard]] Machine describe_machine(const std::vector<std::string>& version_commands);

}  // namespace yett::bench

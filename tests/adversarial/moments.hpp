// Calls of a traced supervisor that a test stops it at.
#pragma once

#include <cstdint>
#include <functional>

#include "tests/adversarial/traced_run.hpp"

namespace yett::test {

struct Moment {
  const char* name;
  std::uint64_t call;
  std::uint64_t request;  // of ioctl; 0: any
  int most = 20;          // such calls that come for certain
};

// To the `turn`th such call once the program runs; false: it never came.
inline bool walk_to(TracedRun& run, const Moment& moment, bool before, int turn,
                    const std::function<bool()>& runs) {
  bool running = false;
  while (const auto stop = run.next()) {
    running = running || runs();
    if (!running || !stop->entry || stop->call != moment.call) continue;
    if (moment.request != 0 && stop->arguments[1] != moment.request) continue;
    if (turn-- > 0) continue;
    return before || run.finish(*stop).has_value();
  }
  return false;
}

}  // namespace yett::test

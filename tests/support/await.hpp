// Waiting for what comes by itself, with a bound that a loaded machine keeps.
#pragma once

#include <chrono>
#include <thread>

#include "tests/support/pace.hpp"

namespace yett::test {

// Looks again and again until `holds`. False: it has not within 30 s.
template <typename Holds>
[[nodiscard]] bool comes_true(Holds holds,
                              std::chrono::microseconds pause = std::chrono::milliseconds(5)) {
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::seconds(is_emulated_guest() ? 120 : 30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

}  // namespace yett::test

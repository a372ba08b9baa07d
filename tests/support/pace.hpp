// How often a test repeats what it repeats to be sure: a tenth in the QEMU guests, whose emulated
// processor takes ten to thirty times as long; the host does the rest.
#pragma once

#include <cstdlib>

namespace yett::test {

[[nodiscard]] inline bool is_emulated_guest() { return std::getenv("YETT_VM") != nullptr; }

[[nodiscard]] inline int repeated(int times) {
  return is_emulated_guest() ? (times + 9) / 10 : times;
}

// Of many like cases, in the guests each fifth.
[[nodiscard]] inline bool is_sampled(int index) { return !is_emulated_guest() || index % 5 == 0; }

}  // namespace yett::test

// YETT_REQUIRE(condition, "reason"): a test that cannot run here says so and is skipped; where
// everything must run (YETT_REQUIRE_FULL=1, set by CI) the same situation is a failure.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "tests/support/pace.hpp"

namespace yett::test {

// True when a test that cannot run must fail instead of being skipped.
[[nodiscard]] inline bool full_run_required() {
  const char* value = std::getenv("YETT_REQUIRE_FULL");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace yett::test

// The same of what only the older kernels of the guests lack: there it is skipped always.
#define YETT_REQUIRE_OF_KERNEL(condition, reason)                                    \
  do {                                                                               \
    if (!(condition) && ::yett::test::is_emulated_guest()) GTEST_SKIP() << (reason); \
    YETT_REQUIRE(condition, reason);                                                 \
  } while (false)

// Use it in the body of a TEST, or in SetUp(): it returns from the enclosing void function.
#define YETT_REQUIRE(condition, reason)                                                 \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      if (::yett::test::full_run_required()) FAIL() << "cannot run here: " << (reason); \
      GTEST_SKIP() << (reason);                                                         \
    }                                                                                   \
  } while (false)

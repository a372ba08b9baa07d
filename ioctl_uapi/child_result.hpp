// What a step between clone and exec returns: 0, or the errno that stopped it. No allocation, no
// exception: the parent turns it into an Error that names the step.
#pragma once

#include <cerrno>

namespace yett {

using ChildResult = int;
inline constexpr ChildResult kDone = 0;

// The result of a wrapper that returns -errno on failure.
[[nodiscard]] inline ChildResult from_kernel(long result) {
  return result < 0 ? static_cast<int>(-result) : kDone;
}
// The result of a libc call that returns -1 and sets errno.
[[nodiscard]] inline ChildResult from_libc(long result) { return result < 0 ? errno : kDone; }

}  // namespace yett

#define YETT_STEP(expression)                                                                 \
  do {                                                                                        \
    if (const ::yett::ChildResult yett_step = (expression); yett_step != 0) return yett_step; \
  } while (false)

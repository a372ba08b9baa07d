#include "supervisor/redirect/clock_tick.hpp"

#include <cstdint>

namespace yett {
namespace {

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

timespec current_tick() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now;
}

void await_later_tick(const timespec& time) {
  timespec tick{};
  ::clock_getres(CLOCK_REALTIME_COARSE, &tick);
  const timespec pause{.tv_sec = 0, .tv_nsec = tick.tv_nsec / 4};
  for (;;) {
    const std::int64_t ahead = nanoseconds(time) - nanoseconds(current_tick());
    if (ahead < 0 || ahead > 2 * nanoseconds(tick)) return;
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace yett

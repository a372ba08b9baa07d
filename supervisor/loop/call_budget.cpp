#include "supervisor/loop/call_budget.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace yett {
namespace {

bool is_costly(Emulation emulation) {
  switch (emulation) {
    case Emulation::mknod:
    case Emulation::mknodat:
    case Emulation::mount:
    case Emulation::setxattr:
      return true;
    default:
      return false;
  }
}

// steady_clock is CLOCK_MONOTONIC. The tick that bounds a receive may break the sleep.
void sleep_until(CallBudget::Clock::time_point until) {
  const auto since = until.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  const timespec moment{
      .tv_sec = seconds.count(),
      .tv_nsec = static_cast<long>(std::chrono::nanoseconds(since - seconds).count())};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr) == EINTR) {
  }
}

}  // namespace

CallBudget::Clock::time_point CallBudget::take(Clock::time_point now) {
  next_ = std::max(next_, now - kInterval * kBurst) + kInterval;
  return std::max(now, next_);
}

void CallBudget::wait_for(Emulation emulation) {
  if (!is_costly(emulation)) return;
  const auto now = Clock::now();
  if (const auto from = take(now); from > now) sleep_until(from);
}

}  // namespace yett

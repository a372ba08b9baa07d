#include "base/token_bucket.hpp"

#include <cerrno>
#include <ctime>

namespace yett {

void sleep_until(TokenBucket::Clock::time_point until) {
  const auto since = until.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  const timespec moment{
      .tv_sec = seconds.count(),
      .tv_nsec = static_cast<long>(std::chrono::nanoseconds(since - seconds).count())};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr) == EINTR) {
  }
}

void TokenBucket::wait() {
  const auto now = Clock::now();
  if (const auto from = take(now); from > now) sleep_until(from);
}

}  // namespace yett

// How often something may be done: `burst` times at once, then once each `interval`; a rest gives
// the burst back.
#pragma once

#include <algorithm>
#include <chrono>

namespace yett {

class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC

  TokenBucket(int burst, Clock::duration interval) : burst_(burst), interval_(interval) {}

  // Pure: takes one at `now` and tells from when on it may be used.
  [[nodiscard]] Clock::time_point take(Clock::time_point now) {
    next_ = std::max(next_, now - interval_ * burst_) + interval_;
    return std::max(now, next_);
  }

  // Takes one, and sleeps until it may be used.
  void wait();

 private:
  int burst_;
  Clock::duration interval_;
  Clock::time_point next_{};  // when the bucket would be full again, minus the burst
};

// Whatever signals come.
void sleep_until(TokenBucket::Clock::time_point until);

}  // namespace yett

// How many costly calls (those that take a process: mknod, mount, setxattr, CREATE) a sandbox has
// carried out in a time, by all threads together. Their cost is the supervisor's, which no limit of
// the sandbox counts; without a bound, a sandbox of a tenth of a CPU could keep a whole one busy.
// SECURITY(call-budget)
#pragma once

#include <chrono>
#include <mutex>

#include "base/token_bucket.hpp"
#include "supervisor/verdict/verdict.hpp"

namespace yett {

class CallBudget {
 public:
  using Clock = TokenBucket::Clock;
  static constexpr int kBurst = 100;                        // at once
  static constexpr std::chrono::milliseconds kInterval{2};  // one more, each: 500 a second

  // Takes one at `now` and tells from when on it may be carried out.
  [[nodiscard]] Clock::time_point take(Clock::time_point now);

  // Waits until the call may be carried out, where it is a costly one. Only the sandbox's own calls
  // wait behind it.
  void wait_for(const Snapshot& snapshot, Emulation emulation);

 private:
  std::mutex lock_;
  TokenBucket bucket_{kBurst, kInterval};
};

}  // namespace yett

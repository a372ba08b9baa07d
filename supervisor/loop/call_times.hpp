// Counts how long notified calls take, from their receipt to their answer, for whoever is told of
// it from time to time. Any thread counts, without a lock: each sandbox has one of its own.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include "ioctl_uapi/call_times.hpp"

namespace yett {

class CallTimes {
 public:
  // Does not wait. False: it was not told, and is told again with what comes.
  using Tell = std::function<bool(const CallTimesReport& since_the_last)>;

  explicit CallTimes(Tell tell) : tell_(std::move(tell)) {}
  void count(CallKind kind, std::chrono::nanoseconds took);
  [[nodiscard]] bool has_untold() const { return untold_; }
  // By one thread at a time.
  void tell();

 private:
  struct Kind {
    std::array<std::atomic<std::uint32_t>, kCallTimeBoundsUs.size() + 1> counts{};
    std::atomic<std::uint64_t> sum_ns{0};
  };
  void take_back(const CallTimesReport& report);

  Tell tell_;
  std::atomic<bool> untold_{false};
  std::array<Kind, kCallKinds> kinds_;
};

}  // namespace yett

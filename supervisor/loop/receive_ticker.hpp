// Bounds a blocking receive from the listener: a signal to this thread every millisecond, which
// breaks the wait. With it, a target that makes one notified call after the other is answered
// without a poll before each receive, which would cost a fifth of the whole round trip.
#pragma once

#include <ctime>

namespace yett {

class ReceiveTicker {
 public:
  ReceiveTicker() = default;
  ReceiveTicker(const ReceiveTicker&) = delete;
  ReceiveTicker& operator=(const ReceiveTicker&) = delete;
  ~ReceiveTicker();

  // Starts ticking in the calling thread; it takes SIGRTMIN+3 for it. False where the kernel gives
  // no timer: then nothing may block.
  [[nodiscard]] bool start();
  void stop();
  // True once for each tick since the last call.
  [[nodiscard]] static bool ticked();

 private:
  [[nodiscard]] bool make_timer();
  void set_interval(long nanoseconds);

  timer_t timer_{};
  bool made_ = false;
  bool running_ = false;
};

}  // namespace yett

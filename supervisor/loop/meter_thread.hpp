// Looks at the meter in a thread of its own: what else the supervisor does, and for whom, delays no
// look.
#pragma once

#include <pthread.h>

#include <memory>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/loop/meter_look.hpp"

namespace yett {

class MeterThread {
 public:
  // Looks at once, until something is to be killed for. What `look` uses is the thread's.
  [[nodiscard]] static Result<std::unique_ptr<MeterThread>> start(LookAtMeter look);
  MeterThread(const MeterThread&) = delete;
  MeterThread& operator=(const MeterThread&) = delete;
  ~MeterThread() { static_cast<void>(stop()); }

  // Readable: stop() tells what the sandbox is killed for.
  [[nodiscard]] BorrowedFd news() const { return news_.borrow(); }
  // After the look that is under way. Nothing: it was within its limits until now.
  [[nodiscard]] std::optional<EndReason> stop();

 private:
  explicit MeterThread(LookAtMeter look) : look_(std::move(look)) {}
  void run();
  [[nodiscard]] bool rests(std::chrono::microseconds time) const;

  LookAtMeter look_;
  UniqueFd news_;
  UniqueFd stop_;
  pthread_t thread_{};
  bool is_running_ = false;
  std::optional<EndReason> kills_for_;  // read when it has ended
};

}  // namespace yett

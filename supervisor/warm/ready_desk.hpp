// The supervisor's side of YETT_READY: who asks becomes the midwife's to hold.
#pragma once

#include <mutex>

#include "base/unique_fd.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

class ReadyDesk {
 public:
  explicit ReadyDesk(UniqueFd midwife) : midwife_(std::move(midwife)) {}
  // The answer: errno, or 0, and then nothing of the caller's own code runs once it is answered.
  // Called by several threads.
  [[nodiscard]] int ask(const PendingNotification& pending);

 private:
  std::mutex one_;
  UniqueFd midwife_;
};

}  // namespace yett

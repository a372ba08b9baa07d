// One peer of a SOCK_SEQPACKET socket that speaks in frames (struct yett_frame): one call at a
// time, never waiting for it. What the calls mean is the owner's.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "base/token_bucket.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/control/frame_memory.hpp"

namespace yett {

class FrameConnection {
 public:
  using Clock = TokenBucket::Clock;
  // SECURITY(frame-flood): calls beyond the first so many wait for their turn.
  static constexpr int kBurst = 1000;
  static constexpr std::chrono::milliseconds kInterval{1};

  // Makes the call its answer; the descriptors that came with it are its own.
  using OnCall = std::function<void(ControlFrame& frame, std::vector<UniqueFd> passed)>;

  explicit FrameConnection(UniqueFd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  // What to poll for: at `now` no call may be its turn.
  [[nodiscard]] short events(Clock::time_point now) const;
  // Until when nothing is read; in the past: it is read.
  [[nodiscard]] Clock::time_point next_call() const { return next_call_; }
  // One call at most, none before all that waits has been sent. False: it is over.
  [[nodiscard]] bool receive(short events, Clock::time_point now, const OnCall& on_call);
  // Of its own accord.
  void queue(const ControlFrame& frame) { waiting_.push_back(frame.message()); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  // As much as it takes. False: it is over.
  [[nodiscard]] bool send_waiting();
  // Over: for who closes it, which drops what it has sent and nobody read.
  [[nodiscard]] UniqueFd take_socket() { return std::move(socket_); }

 private:
  [[nodiscard]] bool receive_call(Clock::time_point now, const OnCall& on_call);
  [[nodiscard]] bool refuse(ControlFrame& frame, int error);

  UniqueFd socket_;
  TokenBucket rate_{kBurst, kInterval};
  Clock::time_point next_call_{};
  std::deque<std::vector<std::byte>> waiting_;
};

// What is said to one who cannot be taken in; whether it hears is its own affair.
void refuse_connection(BorrowedFd connection, int error);

}  // namespace yett

// One connection of the control socket: frames in, frames out, never waiting for its peer. What it
// has made ends with it.
#pragma once

#include <sys/socket.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/token_bucket.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/control/control_calls.hpp"
#include "supervisor/control/frame_memory.hpp"

namespace yett {

// Programs that have ended, told by threads of theirs; `bell` (an eventfd) is rung for each.
class EndedPrograms {
 public:
  explicit EndedPrograms(std::shared_ptr<UniqueFd> bell) : bell_(std::move(bell)) {}
  void add(const ControlFrame& frame);
  [[nodiscard]] std::deque<ControlFrame> take();

 private:
  std::shared_ptr<UniqueFd> bell_;
  std::mutex lock_;
  std::deque<ControlFrame> frames_;
};

class ControlConnection {
 public:
  using Clock = TokenBucket::Clock;
  // SECURITY(frame-flood): calls beyond the first so many wait for their turn.
  static constexpr int kBurst = 1000;
  static constexpr std::chrono::milliseconds kInterval{1};

  // What a peer said with YETT_LOG.
  using OnLogged = std::function<void(const std::string& words, const ucred& peer)>;

  // `manager` may be null.
  ControlConnection(UniqueFd socket, const ucred& peer, ControlCalls calls,
                    std::shared_ptr<SandboxManager> manager, std::shared_ptr<UniqueFd> bell,
                    OnLogged on_logged);

  [[nodiscard]] int fd() const { return socket_.get(); }
  // What to poll for: at `now` no call may be its turn.
  [[nodiscard]] short events(Clock::time_point now) const;
  // Until when nothing is read; in the past: it is read.
  [[nodiscard]] Clock::time_point next_call() const { return next_call_; }
  // One call at most. False: it is over.
  [[nodiscard]] bool serve(short events, Clock::time_point now);

 private:
  class Caller;
  [[nodiscard]] bool receive_call(Clock::time_point now);
  [[nodiscard]] bool send_waiting();
  void answer(ControlFrame& frame, std::vector<UniqueFd> passed);
  [[nodiscard]] bool refuse(ControlFrame& frame, int error);

  UniqueFd socket_;
  ucred peer_;
  ControlCalls calls_;
  std::shared_ptr<EndedPrograms> ended_;
  OnLogged on_logged_;
  TokenBucket rate_{kBurst, kInterval};
  Clock::time_point next_call_{};
  // SECURITY(frame-queue): one answer and the ends of programs at most, for nothing is read before
  // all of it is gone.
  std::deque<std::vector<std::byte>> waiting_;
};

}  // namespace yett

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

#include "base/unique_fd.hpp"
#include "supervisor/control/control_calls.hpp"
#include "supervisor/control/frame_connection.hpp"

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
  using Clock = FrameConnection::Clock;

  // What a peer said with YETT_LOG.
  using OnLogged = std::function<void(const std::string& words, const ucred& peer)>;

  // `manager` may be null.
  ControlConnection(UniqueFd socket, const ucred& peer, ControlCalls calls,
                    std::shared_ptr<SandboxManager> manager, std::shared_ptr<UniqueFd> bell,
                    OnLogged on_logged);

  [[nodiscard]] int fd() const { return frames_.fd(); }
  [[nodiscard]] short events(Clock::time_point now) const { return frames_.events(now); }
  [[nodiscard]] Clock::time_point next_call() const { return frames_.next_call(); }
  // One call at most. False: it is over.
  [[nodiscard]] bool serve(short events, Clock::time_point now);

 private:
  class Caller;
  void answer(ControlFrame& frame, std::vector<UniqueFd> passed);

  FrameConnection frames_;
  ucred peer_;
  ControlCalls calls_;
  std::shared_ptr<EndedPrograms> ended_;
  OnLogged on_logged_;
};

}  // namespace yett

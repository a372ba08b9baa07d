// Carries bytes between the caller's terminal and the sandbox's pty, both ways, with bounded
// buffers: a reader that stops is waited for, and no notification waits meanwhile.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string_view>

#include "base/raw_terminal.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/loop/asio.hpp"
#include "supervisor/loop/watched_fd.hpp"

namespace yett {

class TerminalRelay {
 public:
  // Opens its ends: before the supervisor takes on the sandbox's ids. `on_output_closed` is called
  // once when nobody reads the caller's stdout any more.
  TerminalRelay(boost::asio::io_context& io, BorrowedFd pty_master,
                std::function<void()> on_output_closed);

  void start();
  void on_window_change();
  // From now on the program's output waits, and what is typed goes to `keys`; until resume().
  void hold(std::function<void(std::string_view)> keys);
  void resume();
  // On the caller's terminal, in raw mode; what does not fit is left out.
  void say(std::string_view text);
  // After the loop has ended: writes out what the sandbox still left in the pty. Returns when all
  // processes of the sandbox are gone and all is written, or when `stop_signals` becomes readable.
  void drain(BorrowedFd init_pidfd, BorrowedFd stop_signals);

 private:
  // Bytes read from one side and not yet written to the other.
  struct Buffer {
    std::array<char, 16384> bytes;
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] bool empty() const { return begin == end; }
  };
  enum class Transfer { moved, would_block, closed };

  static Transfer fill(Buffer& buffer, int from);
  static Transfer empty(Buffer& buffer, int to);
  void read_input();
  void give_keys();
  void write_input();
  void end_input();
  void read_output();
  void write_output();

  UniqueFd stdin_;
  UniqueFd stdout_;
  BorrowedFd pty_;
  RawTerminal raw_;
  std::optional<WatchedFd> in_;
  std::optional<WatchedFd> out_;
  WatchedFd master_;
  Buffer input_;
  Buffer output_;
  std::function<void()> on_output_closed_;
  std::function<void(std::string_view)> keys_;  // held
  bool output_waits_ = false;                   // for resume()
  bool input_ended_ = false;
  bool line_is_empty_ = true;  // the last byte given to the app ended a line
};

}  // namespace yett

// The caller's terminal in raw mode while the sandbox has a pty: keys such as ^C then travel
// through the pty to the app. Restored by the destructor.
#pragma once

#include <termios.h>

#include <optional>

#include "base/unique_fd.hpp"

namespace yett {

class RawTerminal {
 public:
  // Does nothing when `fd` is no terminal, or when this process is not in its foreground.
  explicit RawTerminal(BorrowedFd fd);
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  BorrowedFd fd_;
  std::optional<termios> before_;
};

// Gives the pty the size of the terminal `from`; nothing when that is no terminal.
void copy_window_size(BorrowedFd from, BorrowedFd pty_master);

}  // namespace yett

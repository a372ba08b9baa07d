#include "base/raw_terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace yett {

// Changing a terminal from the background would stop this process (SIGTTOU).
RawTerminal::RawTerminal(BorrowedFd fd) : fd_(fd) {
  termios settings{};
  if (::tcgetattr(fd.get(), &settings) != 0 || ::tcgetpgrp(fd.get()) != ::getpgrp()) return;
  before_ = settings;
  ::cfmakeraw(&settings);
  ::tcsetattr(fd.get(), TCSANOW, &settings);
}

RawTerminal::~RawTerminal() {
  if (before_) ::tcsetattr(fd_.get(), TCSADRAIN, &*before_);
}

void copy_window_size(BorrowedFd from, BorrowedFd pty_master) {
  winsize size{};
  if (::ioctl(from.get(), TIOCGWINSZ, &size) == 0) ::ioctl(pty_master.get(), TIOCSWINSZ, &size);
}

}  // namespace yett

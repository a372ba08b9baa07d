#include "runsc-like/cli/terminal_screen.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace yett {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};

sigset_t own_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : kSignals) ::sigaddset(&signals, number);
  return signals;
}

Status write_all(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return fail(errno_error("write", "the terminal"));
  return {};
}

}  // namespace

Result<TerminalScreen> TerminalScreen::open() {
  TerminalScreen screen;
  const sigset_t signals = own_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  screen.signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!screen.signals_.valid()) return fail(errno_error("signalfd"));
  screen.has_keys_ = ::tcgetattr(STDIN_FILENO, &screen.before_) == 0;
  screen.is_open_ = true;
  screen.enter();
  return screen;
}

TerminalScreen::TerminalScreen(TerminalScreen&& other) noexcept
    : signals_(std::move(other.signals_)),
      has_keys_(other.has_keys_),
      is_open_(std::exchange(other.is_open_, false)),
      before_(other.before_) {}

TerminalScreen::~TerminalScreen() {
  if (is_open_) leave();
}

// Its other screen, without a cursor; keys come as they are pressed and are not shown.
void TerminalScreen::enter() const {
  if (has_keys_) {
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
  }
  static_cast<void>(write_all("\x1b[?1049h\x1b[?25l\x1b[?7l"));
}

void TerminalScreen::leave() const {
  static_cast<void>(write_all("\x1b[?7h\x1b[?25h\x1b[?1049l"));
  if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

TerminalScreen::Size TerminalScreen::size() {
  winsize told{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &told) != 0 || told.ws_col == 0 || told.ws_row == 0)
    return {};
  return {.width = told.ws_col, .height = told.ws_row};
}

Status TerminalScreen::draw(const std::vector<std::string>& lines, std::size_t marked) const {
  // A line is wiped before it is written: afterwards its last place would be wiped, too.
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i != 0) text += "\r\n";
    text += i + 1 < lines.size() ? "\x1b[K" : "\x1b[J";
    text += i == marked ? "\x1b[7m" + lines[i] + "\x1b[0m" : lines[i];
  }
  return write_all(text);
}

int TerminalScreen::on_signal() const {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return kTime;
  if (info.ssi_signo == SIGWINCH) return kDraw;
  if (info.ssi_signo != SIGTSTP) return kEnd;
  leave();
  ::raise(SIGSTOP);  // until somebody continues it
  enter();
  return kDraw;
}

int TerminalScreen::wait(std::chrono::milliseconds time) const {
  std::array<pollfd, 2> watched{
      {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
       {.fd = has_keys_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}}};
  if (::poll(watched.data(), watched.size(), static_cast<int>(time.count())) <= 0) return kTime;
  if (watched[0].revents != 0) return on_signal();
  unsigned char key = 0;
  return ::read(STDIN_FILENO, &key, 1) == 1 ? key : kEnd;  // the terminal has gone
}

}  // namespace yett

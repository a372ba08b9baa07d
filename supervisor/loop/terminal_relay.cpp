#include "supervisor/loop/terminal_relay.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "supervisor/loop/relay_end.hpp"

namespace yett {
namespace {

constexpr char kEndOfFileKey = 0x04;  // VEOF of a fresh pty: ^D

bool is_blocked(int error_number) {
  return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

bool is_readable(BorrowedFd fd, int timeout_ms) {
  pollfd watched{.fd = fd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, timeout_ms) > 0;
}

}  // namespace

TerminalRelay::TerminalRelay(boost::asio::io_context& io, BorrowedFd pty_master,
                             std::function<void()> on_output_closed)
    : stdin_(open_relay_end(BorrowedFd(STDIN_FILENO), RelayAccess::read)),
      stdout_(open_relay_end(BorrowedFd(STDOUT_FILENO), RelayAccess::write)),
      pty_(pty_master),
      raw_(BorrowedFd(STDIN_FILENO)),
      master_(io, pty_master),
      on_output_closed_(std::move(on_output_closed)) {
  if (stdin_.valid()) in_.emplace(io, stdin_.borrow());
  if (stdout_.valid()) out_.emplace(io, stdout_.borrow());
  on_window_change();
}

void TerminalRelay::start() {
  if (in_) read_input();
  read_output();
}

void TerminalRelay::on_window_change() { copy_window_size(BorrowedFd(STDIN_FILENO), pty_); }

TerminalRelay::Transfer TerminalRelay::fill(Buffer& buffer, int from) {
  const ssize_t count = ::read(from, buffer.bytes.data(), buffer.bytes.size());
  if (count < 0) return is_blocked(errno) ? Transfer::would_block : Transfer::closed;
  if (count == 0) return Transfer::closed;
  buffer.begin = 0;
  buffer.end = static_cast<std::size_t>(count);
  return Transfer::moved;
}

TerminalRelay::Transfer TerminalRelay::empty(Buffer& buffer, int to) {
  while (!buffer.empty()) {
    const ssize_t count =
        ::write(to, buffer.bytes.data() + buffer.begin, buffer.end - buffer.begin);
    if (count < 0) return is_blocked(errno) ? Transfer::would_block : Transfer::closed;
    buffer.begin += static_cast<std::size_t>(count);
  }
  return Transfer::moved;
}

void TerminalRelay::read_input() {
  in_->wait_readable([this] {
    const Transfer read = fill(input_, in_->fd());
    if (read == Transfer::closed) return end_input();
    if (read == Transfer::would_block) return read_input();
    if (keys_) return give_keys();
    line_is_empty_ = input_.bytes[input_.end - 1] == '\n';
    write_input();
  });
}

void TerminalRelay::give_keys() {
  const std::string_view typed(input_.bytes.data(), input_.end);
  input_.begin = input_.end;
  const auto keys = keys_;  // which may end the hold
  keys(typed);
  read_input();
}

void TerminalRelay::hold(std::function<void(std::string_view)> keys) { keys_ = std::move(keys); }

void TerminalRelay::resume() {
  keys_ = nullptr;
  if (std::exchange(output_waits_, false)) read_output();
}

void TerminalRelay::say(std::string_view text) {
  const ssize_t shown = out_ ? ::write(out_->fd(), text.data(), text.size()) : 0;
  static_cast<void>(shown);
}

void TerminalRelay::write_input() {
  const Transfer written = empty(input_, master_.fd());
  if (written == Transfer::moved && !input_ended_) return read_input();
  if (written == Transfer::would_block) master_.wait_writable([this] { write_input(); });
}

// The pty stays open for output; the app is told the end of its input as a person would tell it.
// On an unfinished line, the first ^D only hands the line over.
void TerminalRelay::end_input() {
  input_ended_ = true;
  input_.bytes[0] = input_.bytes[1] = kEndOfFileKey;
  input_.begin = 0;
  input_.end = line_is_empty_ ? 1 : 2;
  write_input();
}

void TerminalRelay::read_output() {
  master_.wait_readable([this] {
    output_waits_ = keys_ != nullptr;
    if (output_waits_) return;
    const Transfer read = fill(output_, master_.fd());
    if (read == Transfer::would_block) return read_output();
    if (read == Transfer::moved) write_output();
  });
}

// Without a reader, output is thrown away, so that the app can end by itself.
void TerminalRelay::write_output() {
  const Transfer written = out_ ? empty(output_, out_->fd()) : Transfer::closed;
  if (written == Transfer::would_block) return out_->wait_writable([this] { write_output(); });
  if (written == Transfer::closed) {
    output_.begin = output_.end;
    if (on_output_closed_) std::exchange(on_output_closed_, nullptr)();
  }
  read_output();
}

void TerminalRelay::drain(BorrowedFd init_pidfd, BorrowedFd stop_signals) {
  while (true) {
    while (out_ && empty(output_, out_->fd()) == Transfer::would_block) {
      std::array<pollfd, 2> watched{
          pollfd{.fd = out_->fd(), .events = POLLOUT, .revents = 0},
          pollfd{.fd = stop_signals.get(), .events = POLLIN, .revents = 0}};
      ::poll(watched.data(), watched.size(), -1);
      if (watched[1].revents != 0) return;
    }
    // The order matters: what was written before init died is in the pty once init is seen dead.
    const bool init_is_dead = is_readable(init_pidfd, 0);
    const Transfer read = fill(output_, master_.fd());
    if (read == Transfer::closed || (read == Transfer::would_block && init_is_dead)) return;
    if (read == Transfer::would_block) {
      std::array<pollfd, 2> watched{pollfd{.fd = master_.fd(), .events = POLLIN, .revents = 0},
                                    pollfd{.fd = init_pidfd.get(), .events = POLLIN, .revents = 0}};
      ::poll(watched.data(), watched.size(), -1);
    }
  }
}

}  // namespace yett

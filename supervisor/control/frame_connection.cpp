#include "supervisor/control/frame_connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "ioctl_uapi/receive_fds.hpp"

namespace yett {

short FrameConnection::events(Clock::time_point now) const {
  if (!waiting_.empty()) return POLLOUT;
  return next_call_ <= now ? POLLIN : short{0};
}

bool FrameConnection::receive(short events, Clock::time_point now, const OnCall& on_call) {
  if ((events & (POLLERR | POLLNVAL)) != 0) return false;
  // A hang-up while its turn has not come: what it has sent is not heard any more.
  if ((events & POLLHUP) != 0 && (events & POLLIN) == 0) return false;
  return !waiting_.empty() || (events & POLLIN) == 0 || receive_call(now, on_call);
}

bool FrameConnection::send_waiting() {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const auto& message = waiting_.front();
    if (::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
      continue;
    return errno == EAGAIN || errno == EINTR;
  }
  return true;
}

bool FrameConnection::receive_call(Clock::time_point now, const OnCall& on_call) {
  // One byte more than any frame has: a longer one is cut, and thereby none.
  std::array<char, sizeof(yett_frame) + YETT_FRAME_MAX + 1> message;
  std::array<int, kMostFdsOfMessage> numbers{};
  const ReceivedBytes received = receive_with_fds(socket_.get(), message, numbers, MSG_DONTWAIT);
  std::vector<UniqueFd> passed;
  for (const int number : numbers)
    if (number >= 0) passed.emplace_back(number);
  if (received.error == EAGAIN) return true;
  if (received.error == EPIPE) return false;
  next_call_ = rate_.take(now);
  ControlFrame frame;
  const auto bytes = std::as_bytes(std::span(message)).first(received.size);
  const int error = received.error != kDone ? EPROTO : parse_frame(bytes, frame);
  if (error != 0) return refuse(frame, error);
  on_call(frame, std::move(passed));
  queue(frame);
  return true;
}

// The last that it hears, where it listens.
bool FrameConnection::refuse(ControlFrame& frame, int error) {
  frame.head.magic = YETT_FRAME_MAGIC;
  frame.head.version = YETT_FRAME_VERSION;
  frame.head.size = 0;
  frame.head.result = -error;
  frame.memory.clear();
  queue(frame);
  static_cast<void>(send_waiting());
  return false;
}

void refuse_connection(BorrowedFd connection, int error) {
  const yett_frame refusal{.magic = YETT_FRAME_MAGIC,
                           .version = YETT_FRAME_VERSION,
                           .command = 0,
                           .sequence = 0,
                           .argument = 0,
                           .size = 0,
                           .result = -error};
  static_cast<void>(
      ::send(connection.get(), &refusal, sizeof refusal, MSG_DONTWAIT | MSG_NOSIGNAL));
}

}  // namespace yett

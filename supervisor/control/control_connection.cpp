#include "supervisor/control/control_connection.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <future>
#include <utility>

#include "ioctl_uapi/receive_fds.hpp"

namespace yett {
namespace {

constexpr std::size_t kMostStdio = 3;

ControlFrame ended_frame(std::uint32_t sequence, int number, int status) {
  return {.head = {.magic = YETT_FRAME_MAGIC,
                   .version = YETT_FRAME_VERSION,
                   .command = YETT_ENDED,
                   .sequence = sequence,
                   .argument = static_cast<std::uint64_t>(number),
                   .size = 0,
                   .result = status},
          .memory = {}};
}

}  // namespace

void EndedPrograms::add(const ControlFrame& frame) {
  {
    const std::scoped_lock held(lock_);
    frames_.push_back(frame);
  }
  ::eventfd_write(bell_->get(), 1);
}

std::deque<ControlFrame> EndedPrograms::take() {
  const std::scoped_lock held(lock_);
  return std::exchange(frames_, {});
}

// A peer whose memory is what came with its frame.
class ControlConnection::Caller final : public ControlCaller {
 public:
  Caller(ControlFrame& frame, std::vector<UniqueFd> passed, std::shared_ptr<EndedPrograms> ended)
      : frame_(frame), passed_(std::move(passed)), ended_(std::move(ended)) {}

  int read(std::uint64_t address, std::span<std::byte> into) override {
    return read_memory(frame_.memory, address, into);
  }
  int write(std::uint64_t address, std::span<const std::byte> from) override {
    return write_memory(frame_.memory, address, from);
  }
  std::string read_text(std::uint64_t address, std::size_t limit) override {
    return read_memory_text(frame_.memory, address, limit);
  }
  int create(SandboxManager& manager, const std::string& path) override {
    return manager.create_of_host(path);
  }
  // No process of the host's can be moved: docs/decisions/0032-control-socket.md.
  int add_self(SandboxManager& /*manager*/, int /*number*/) override { return EOPNOTSUPP; }
  int spawn(SandboxManager& manager, int number, InsteadOf wanted) override;

 private:
  ControlFrame& frame_;
  std::vector<UniqueFd> passed_;
  std::shared_ptr<EndedPrograms> ended_;
};

int ControlConnection::Caller::spawn(SandboxManager& manager, int number, InsteadOf wanted) {
  if (!passed_.empty() && passed_.size() != kMostStdio) return -EINVAL;
  std::ranges::move(passed_, wanted.descriptors.begin());
  // Its number is not known before it may have ended.
  const auto told = std::make_shared<std::promise<int>>();
  const auto serial = told->get_future().share();
  const int made =
      manager.spawn(number, std::move(wanted),
                    [ended = ended_, sequence = frame_.head.sequence, serial](int status) {
                      ended->add(ended_frame(sequence, serial.get(), status));
                    });
  told->set_value(made);
  return made;
}

ControlConnection::ControlConnection(UniqueFd socket, const ucred& peer, ControlCalls calls,
                                     std::shared_ptr<SandboxManager> manager,
                                     std::shared_ptr<UniqueFd> bell, OnLogged on_logged)
    : socket_(std::move(socket)),
      peer_(peer),
      calls_(std::move(calls)),
      ended_(std::make_shared<EndedPrograms>(std::move(bell))),
      on_logged_(std::move(on_logged)) {
  calls_.set_manager(std::move(manager));
}

short ControlConnection::events(Clock::time_point now) const {
  if (!waiting_.empty()) return POLLOUT;
  return next_call_ <= now ? POLLIN : short{0};
}

bool ControlConnection::serve(short events, Clock::time_point now) {
  if ((events & (POLLERR | POLLNVAL)) != 0) return false;
  // A hang-up while its turn has not come: what it has sent is not heard any more.
  if ((events & POLLHUP) != 0 && (events & POLLIN) == 0) return false;
  if (waiting_.empty() && (events & POLLIN) != 0 && !receive_call(now)) return false;
  for (const ControlFrame& frame : ended_->take()) waiting_.push_back(frame.message());
  return send_waiting();
}

bool ControlConnection::send_waiting() {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const auto& message = waiting_.front();
    if (::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
      continue;
    return errno == EAGAIN || errno == EINTR;
  }
  return true;
}

bool ControlConnection::receive_call(Clock::time_point now) {
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
  answer(frame, std::move(passed));
  return true;
}

// The last that it hears, where it listens.
bool ControlConnection::refuse(ControlFrame& frame, int error) {
  frame.head.magic = YETT_FRAME_MAGIC;
  frame.head.version = YETT_FRAME_VERSION;
  frame.head.size = 0;
  frame.head.result = -error;
  frame.memory.clear();
  waiting_.push_back(frame.message());
  static_cast<void>(send_waiting());
  return false;
}

void ControlConnection::answer(ControlFrame& frame, std::vector<UniqueFd> passed) {
  Caller caller(frame, std::move(passed), ended_);
  calls_.refresh();
  const CallAnswer answer = calls_.answer(caller, frame.head.command, frame.head.argument);
  if (!answer.logged.empty() && on_logged_) on_logged_(answer.logged, peer_);
  frame.head.result = answer.error != 0 ? -answer.error : static_cast<std::int32_t>(answer.value);
  waiting_.push_back(frame.message());
}

}  // namespace yett

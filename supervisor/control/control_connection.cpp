#include "supervisor/control/control_connection.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <future>
#include <utility>

namespace yett {
namespace {

constexpr std::size_t kMostStdio = 3;

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
      : frame_(frame),
        memory_(frame.memory),
        passed_(std::move(passed)),
        ended_(std::move(ended)) {}

  int read(std::uint64_t address, std::span<std::byte> into) override {
    return memory_.read(address, into);
  }
  int write(std::uint64_t address, std::span<const std::byte> from) override {
    return memory_.write(address, from);
  }
  std::string read_text(std::uint64_t address, std::size_t limit) override {
    return memory_.read_text(address, limit);
  }
  int create(SandboxManager& manager, const std::string& path) override {
    return manager.create_of_host(path);
  }
  // No process of the host's can be moved: docs/decisions/0032-control-socket.md.
  int add_self(SandboxManager& /*manager*/, int /*number*/) override { return EOPNOTSUPP; }
  int spawn(SandboxManager& manager, int number, InsteadOf wanted) override;

 private:
  ControlFrame& frame_;
  FrameMemory memory_;
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
    : frames_(std::move(socket)),
      peer_(peer),
      calls_(std::move(calls)),
      ended_(std::make_shared<EndedPrograms>(std::move(bell))),
      on_logged_(std::move(on_logged)) {
  calls_.set_manager(std::move(manager));
}

bool ControlConnection::serve(short events, Clock::time_point now) {
  const auto on_call = [this](ControlFrame& frame, std::vector<UniqueFd> passed) {
    answer(frame, std::move(passed));
  };
  if (!frames_.receive(events, now, on_call)) return false;
  // SECURITY(frame-queue): one answer and the ends of programs at most, for nothing is read before
  // all of it is gone.
  for (const ControlFrame& frame : ended_->take()) frames_.queue(frame);
  return frames_.send_waiting();
}

void ControlConnection::answer(ControlFrame& frame, std::vector<UniqueFd> passed) {
  Caller caller(frame, std::move(passed), ended_);
  calls_.refresh();
  const CallAnswer answer = calls_.answer(caller, frame.head.command, frame.head.argument);
  if (!answer.logged.empty() && on_logged_) on_logged_(answer.logged, peer_);
  frame.head.result = answer.error != 0 ? -answer.error : static_cast<std::int32_t>(answer.value);
}

}  // namespace yett

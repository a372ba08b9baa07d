// The control socket, as a hostile peer uses it: messages of any content and length, descriptors
// with them, commands as yett/uapi.h has them and others. The connection is served as the
// supervisor does it, over a real socket; programs of sandboxes are begun and fail at once.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "supervisor/control/control_connection.hpp"
#include "tests/fuzz/fuzz_frame.hpp"

namespace {

using yett::UniqueFd;
using yett::test::FuzzInput;
using yett::test::Message;
using yett::test::need;

constexpr std::array<unsigned, 7> kCommands{YETT_INFO,  YETT_STAT,   YETT_LOG,     YETT_CREATE,
                                            YETT_SPAWN, YETT_REMOVE, YETT_ADD_SELF};

// What the header promises of an answer.
void check_answer(const Message& message, const yett::ControlFrame& answer) {
  const yett_frame& head = *message.head;
  need(answer.head.command == head.command && answer.head.sequence == head.sequence &&
           answer.head.argument == head.argument && answer.head.size == head.size,
       "the answer to this call");
  constexpr std::array kErrors{0,      EFAULT,  EINVAL,       E2BIG,      ENOTTY, EMSGSIZE, ENOENT,
                               EACCES, ENOTDIR, ENAMETOOLONG, EOPNOTSUPP, ELOOP,  EAGAIN};
  need(answer.head.result >= 0 || std::ranges::find(kErrors, -answer.head.result) != kErrors.end(),
       "an error that the header has");
  const bool gives = (head.command == YETT_INFO || head.command == YETT_STAT);
  const auto sent = std::as_bytes(std::span(message.bytes)).subspan(sizeof head);
  const bool same = std::ranges::equal(sent, answer.memory);
  need(same || (gives && answer.head.result == 0), "memory that no command writes is as it was");
  if (head.command == YETT_ADD_SELF) need(answer.head.result == -EOPNOTSUPP, "no process is moved");
  if (answer.head.result > 0)
    need(head.command == YETT_CREATE || head.command == YETT_SPAWN, "a number");
}

const yett::SandboxPlan& plan() {
  static const yett::SandboxPlan only = [] {
    yett::SandboxPlan made;
    made.sandbox = "fuzzed";
    made.policy_name = std::string(200, 'p');
    return made;
  }();
  return only;
}

class Peer {
 public:
  Peer() {
    std::array<int, 2> ends{};
    need(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0, "a socket");
    ours_.reset(ends[0]);
    connection_.emplace(
        UniqueFd(ends[1]), ucred{},
        yett::ControlCalls(
            plan(), [] { return yett::SandboxUsage{.memory_bytes = 1}; },
            yett::ControlCarrier::socket),
        std::make_shared<yett::SandboxManager>(plan(),
                                               [](const yett::InsteadOf&) {
                                                 return yett::Result<yett::ChildProcess>(
                                                     yett::fail(yett::errno_error(EPERM, "x")));
                                               }),
        bell_, [this](const std::string& words, const ucred&) { logged_ += words.size(); });
  }

  // False: the connection is over.
  bool say(const Message& message) {
    if (message.bytes.empty()) return true;
    yett::test::send_message(ours_.get(), message);
    const bool goes_on = connection_->serve(POLLIN, yett::ControlConnection::Clock::now());
    need(goes_on == message.head.has_value(), "frames are answered, what is none ends it");
    std::optional<yett::ControlFrame> answer = next_answer();
    need(answer.has_value(), "an answer");
    if (!goes_on) {
      need(answer->head.result == -EPROTO || answer->head.result == -EPROTONOSUPPORT, "and why");
      return false;
    }
    check_answer(message, *answer);
    if (message.head->command == YETT_SPAWN && answer->head.result > 0)
      need(running_.insert(answer->head.result).second, "a number of its own");
    return true;
  }

  // All that were begun have ended, and each is told of once.
  void finish() {
    while (!running_.empty()) {
      pollfd watched{.fd = bell_->get(), .events = POLLIN, .revents = 0};
      int ready = -1;
      do {  // the fuzzer's own alarm, which looks for inputs that take too long
        ready = ::poll(&watched, 1, 5000);
      } while (ready < 0 && errno == EINTR);
      need(ready == 1, "ends are told");
      eventfd_t rung = 0;
      ::eventfd_read(bell_->get(), &rung);
      need(connection_->serve(0, yett::ControlConnection::Clock::now()), "ends are sent");
      need(!next_answer(), "nothing but ends");
    }
  }

 private:
  std::optional<yett::ControlFrame> next_answer() {
    for (;;) {
      auto frame = yett::test::receive_frame_of(ours_.get());
      if (!frame || frame->head.command != YETT_ENDED || frame->head.result != 126 ||
          !running_.contains(static_cast<int>(frame->head.argument)))
        return frame;
      running_.erase(static_cast<int>(frame->head.argument));
    }
  }

  UniqueFd ours_;
  std::shared_ptr<UniqueFd> bell_ =
      std::make_shared<UniqueFd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::size_t logged_ = 0;
  std::set<int> running_;
  std::optional<yett::ControlConnection> connection_;
};

// Of the kernel's own count: a listing of /proc/self/task ends early where a thread ends meanwhile.
int count_threads() {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;)
    if (int count = 0; word == "Threads:" && file >> count) return count;
  need(false, "a count of threads");
  return 0;
}

// The threads of programs may outlive their manager: what they hold still is no leak.
void await_threads(int before) {
  constexpr int kPatience = 9'000;  // ms; run.sh ends an input after 10 s
  for (int i = 0; i < kPatience && count_threads() > before; ++i) ::usleep(1000);
  need(count_threads() <= before, "threads end");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int threads = count_threads();
  FuzzInput input(data, size);
  {
    Peer peer;
    bool goes_on = true;
    for (int calls = 0; calls < 32 && goes_on && !input.empty(); ++calls)
      goes_on = peer.say(yett::test::read_message(input, kCommands));
    if (goes_on) peer.finish();
  }
  await_threads(threads);
  return 0;
}

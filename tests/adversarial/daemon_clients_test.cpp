// Clients of yettd that misbehave: who does not read, floods, or dies in the middle of something.
// Nobody else is harmed, and nothing of theirs stays.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <memory>
#include <vector>

#include "tests/adversarial/daemon_fixture.hpp"

namespace yett::test {
namespace {

using std::chrono::steady_clock;

class YettdClients : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override {
    return "[limits]\nsandboxes = 40\n[template.warm]\noptions = [\"-m\", \"64M\"]\npool = 2\n"
           "[template.cold]\noptions = [\"-m\", \"64M\"]\n";
  }
  // Of the daemon's own memory, in MiB.
  [[nodiscard]] std::size_t resident_mib() const {
    std::ifstream file("/proc/" + std::to_string(daemon_->pid()) + "/statm");
    std::size_t pages = 0;
    file >> pages >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >> 20;
  }
  // The twin of each case: somebody else begins a program, and hears of its end.
  void expect_served() {
    DaemonClient other(daemon_->socket());
    const int sandbox = other.make_sandbox("cold");
    ASSERT_GT(sandbox, 0);
    EXPECT_EQ(other.wait_for(other.start(sandbox, {"sh", "-c", "exit 5"})), 5);
  }
};

// SECURITY(frame-queue): its calls are no longer read, and what it asked to hear takes no memory
// without bound.
TEST_F(YettdClients, WhoDoesNotReadIsNotReadFrom) {
  const std::size_t before = resident_mib();
  const FrameClient deaf(daemon_->socket());
  std::vector<FrameClient> others;
  for (int i = 0; i < 8; ++i) others.emplace_back(daemon_->socket());
  ASSERT_TRUE(deaf.send(FrameClient::make(YETT_EVENTS, 1, "")));
  for (const FrameClient& each : others) {
    int sent = 0;
    const Frame large = FrameClient::make(YETT_REMOVE, 1, std::string(60'000, 'm'));
    while (sent < 10'000 && each.send(large, {}, MSG_DONTWAIT)) ++sent;
    EXPECT_LT(sent, 10'000) << "it is not read from for ever";
  }
  for (int i = 0; i < 5; ++i) expect_served();
  EXPECT_LT(resident_mib(), before + 32);
}

// SECURITY(frame-flood)
TEST_F(YettdClients, WhoFloodsWaitsForItsTurn) {
  const pid_t flooding = ::fork();
  if (flooding == 0) {
    for (;;) {
      const FrameClient client(daemon_->socket());
      while (client.call(YETT_REMOVE, 1) == -ENOENT) continue;
    }
  }
  const FrameClient counted(daemon_->socket());
  const auto begin = steady_clock::now();
  for (int i = 0; i < 2500; ++i) ASSERT_EQ(counted.call(YETT_REMOVE, 1), -ENOENT);
  EXPECT_GT(steady_clock::now() - begin, std::chrono::milliseconds(1300));
  for (int i = 0; i < 5; ++i) expect_served();
  ::kill(flooding, SIGKILL);
  ::waitpid(flooding, nullptr, 0);
}

// A message arrives whole or not at all, so what is cut short is what it says, or the conversation:
// programs that were asked for, and whose caller has gone before it could be told.
TEST_F(YettdClients, WhoDiesInTheMiddleLeavesNothing) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int i = 0; i < 60; ++i) {
    const FrameClient dies(daemon_->socket());
    ASSERT_TRUE(dies.send(FrameClient::make(
        YETT_CREATE, 0, i % 2 == 0 ? std::string("warm\0", 5) : std::string("cold\0", 5))));
    Frame frame = FrameClient::make(YETT_SPAWN, 0, FrameClient::spawn_memory(1, {"sleep", "1000"}));
    if (i % 3 == 0) frame.head.size += 100;  // more than there comes
    std::string bytes(reinterpret_cast<const char*>(&frame.head), sizeof frame.head);
    bytes += i % 3 == 1 ? frame.memory.substr(0, 20) : frame.memory;
    static_cast<void>(dies.send_bytes(bytes, {null, null, null}, 0));
    if (i % 4 == 0) static_cast<void>(dies.send(frame, {null}));
  }
  ::close(null);
  for (int i = 0; i < 5; ++i) {
    const auto client = std::make_unique<RunningProgram>(
        yett_command({"-H", daemon_->socket(), "run", "--", "sleep", "1000"}), RunOptions{});
    ::usleep(static_cast<useconds_t>(i) * 4000);
    client->kill(SIGKILL);
    client->wait();
  }
  expect_served();
  EXPECT_TRUE(daemon_->wait_for_metric("yettd_sandboxes", 0));
  EXPECT_TRUE(daemon_->wait_for_metric("yettd_clients", 0));
}

// Whose reading of the metrics has no end, or no beginning.
TEST_F(YettdClients, WhoAsksHalfAQuestionHoldsUpNobody) {
  std::vector<UniqueFd> halves;
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  daemon_->metrics().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  for (int i = 0; i < 20; ++i) {
    halves.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(
        ::connect(halves.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
        0);
    ASSERT_EQ(::send(halves.back().get(), "GET /", 5, MSG_NOSIGNAL), 5);
  }
  EXPECT_EQ(daemon_->metric("yettd_sandboxes"), 0);
  expect_served();
}

}  // namespace
}  // namespace yett::test

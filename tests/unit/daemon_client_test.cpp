// One connection of yettd's: what it keeps for a client that does not read.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/daemon/daemon_client.hpp"

namespace yett {
namespace {

class DaemonClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_.reset(ends[0]);
    client_.emplace(1, UniqueFd(ends[1]), Rights{}, programs_, roster_, metrics_, closer_);
    ControlFrame listen{.head = {}, .memory = {}};
    listen.head.command = YETT_EVENTS;
    listen.head.argument = 1;
    client_->answer(listen, {});
    EXPECT_EQ(listen.head.result, 0);
  }
  void TearDown() override { starter_.end(); }
  // The events that have come.
  std::vector<yett_event_data> read_events() {
    std::vector<yett_event_data> events;
    std::array<char, sizeof(yett_frame) + sizeof(yett_event_data)> bytes{};
    for (;;) {
      EXPECT_TRUE(client_->frames().send_waiting());
      if (::recv(ours_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) <= 0) return events;
      std::memcpy(&events.emplace_back(), bytes.data() + sizeof(yett_frame),
                  sizeof(yett_event_data));
    }
  }

  DaemonConfig config_;
  DaemonLog log_;
  Metrics metrics_;
  Closer closer_;
  Starter starter_ =
      *Starter::make([](const auto&, WhenStarted, const auto&) { return 0; },
                     ::testing::TempDir() + "yett-door-" + std::to_string(::getpid()));
  Poller poller_ = *Poller::make();
  Roster roster_{poller_, metrics_, {.ended = {}, .event = {}}};
  WarmForks forks_{poller_, starter_, log_};
  WarmPool pool_{poller_, starter_, forks_, log_};
  ProgramStarter programs_{config_, starter_, pool_, forks_, roster_, metrics_, log_, closer_};
  UniqueFd ours_;
  std::optional<DaemonClient> client_;
};

TEST_F(DaemonClientTest, EventsThatNobodyReadsAreCounted) {
  constexpr std::size_t kMany = 5000;
  yett_event_data event{};
  event.size = sizeof event;
  event.kind = YETT_EVENT_STARTED;
  for (std::size_t i = 0; i < kMany; ++i) {
    client_->tell_event(1, event);
    EXPECT_LE(client_->frames().waiting(), DaemonClient::kMostWaiting);
  }
  EXPECT_EQ(read_events().size(), DaemonClient::kMostWaiting);
  client_->tell_event(2, event);
  const auto after = read_events();
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[0].kind, YETT_EVENT_LOST);
  EXPECT_EQ(after[0].count, kMany - DaemonClient::kMostWaiting);
  EXPECT_EQ(after[1].kind, YETT_EVENT_STARTED);
  client_->tell_event(3, event);
  EXPECT_EQ(read_events().size(), 1U);
}

}  // namespace
}  // namespace yett

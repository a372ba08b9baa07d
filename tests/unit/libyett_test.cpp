// libyett against a peer that says what the test wants: what the real one never does.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <yett/yett.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

// Listens at a path of its own; `serve` speaks with the first who connects.
class Peer {
 public:
  explicit Peer(std::function<void(const Peer&)> serve) {
    listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this, serve = std::move(serve)] {
      connection_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      serve(*this);
      connection_.reset();
    });
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    thread_.join();
    ::unlink(path().c_str());
    ::rmdir(directory_.c_str());
  }

  [[nodiscard]] std::string path() const { return directory_ + "/socket"; }
  // The next call's head; zeros when there is none any more.
  [[nodiscard]] yett_frame hear() const {
    std::array<char, sizeof(yett_frame) + YETT_FRAME_MAX> bytes{};
    yett_frame head{};
    if (::recv(connection_.get(), bytes.data(), bytes.size(), 0) > 0)
      std::memcpy(&head, bytes.data(), sizeof head);
    return head;
  }
  void say(yett_frame head) const {
    head.size = 0;
    static_cast<void>(::send(connection_.get(), &head, sizeof head, MSG_NOSIGNAL));
  }
  void answer(yett_frame call, int result) const {
    call.result = result;
    say(call);
  }
  void tell_end(std::uint64_t program, int status) const {
    say({.magic = YETT_FRAME_MAGIC,
         .version = YETT_FRAME_VERSION,
         .command = YETT_ENDED,
         .sequence = 0,
         .argument = program,
         .size = 0,
         .result = status});
  }

 private:
  static std::string make_directory() {
    std::string name = "/tmp/yett-peer-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    return name;
  }
  std::string directory_ = make_directory();
  UniqueFd listener_;
  UniqueFd connection_;
  std::thread thread_;
};

using Connection = std::unique_ptr<yett_host, client::Disconnect>;

Connection connect_to(const Peer& peer) {
  yett_host* host = nullptr;
  EXPECT_EQ(yett_connect(peer.path().c_str(), &host), 0);
  return Connection(host);
}

int spawn(const Connection& host) {
  std::string word = "/bin/true";
  const std::array<char*, 2> words{word.data(), nullptr};
  const yett_program program{.size = sizeof program,
                             .sandbox = 1,
                             .arguments = words.data(),
                             .environment = nullptr,
                             .descriptors = {0, 1, 2}};
  return yett_start(host.get(), &program);
}

bool is_readable(const Connection& host) {
  pollfd wanted{.fd = yett_event_fd(host.get()), .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, 0) == 1;
}

TEST(Libyett, NobodyThere) {
  yett_host* host = nullptr;
  EXPECT_EQ(yett_connect("/tmp/there/is/nothing", &host), -ENOENT);
  EXPECT_EQ(yett_connect(std::string(200, 'x').c_str(), &host), -ENAMETOOLONG);
  EXPECT_EQ(host, nullptr);
  yett_disconnect(host);
}

// An end that comes while an answer is waited for is told later, and polling says so.
TEST(Libyett, EndsBetweenCallsAreKept) {
  const Peer peer([](const Peer& self) {
    self.answer(self.hear(), 1);  // SPAWN
    self.answer(self.hear(), 2);  // SPAWN
    const yett_frame create = self.hear();
    self.tell_end(2, 7);
    self.tell_end(1, 8);
    self.answer(create, 3);
    static_cast<void>(self.hear());
  });
  const Connection host = connect_to(peer);
  EXPECT_EQ(spawn(host), 1);
  EXPECT_EQ(spawn(host), 2);
  EXPECT_FALSE(is_readable(host));
  EXPECT_EQ(yett_create(host.get(), "/x"), 3);
  EXPECT_TRUE(is_readable(host));
  yett_event event{};
  ASSERT_EQ(yett_next_event(host.get(), 0, &event), 1);
  EXPECT_EQ(event.program, 2) << "in the order of their coming";
  EXPECT_EQ(event.status, 7);
  int status = 0;
  EXPECT_EQ(yett_wait(host.get(), 2, 0, &status), -ENOENT) << "told already";
  EXPECT_EQ(yett_wait(host.get(), 1, 0, &status), 0);
  EXPECT_EQ(status, 8);
  EXPECT_FALSE(is_readable(host)) << "nothing is left to tell";
  EXPECT_EQ(yett_next_event(host.get(), 0, &event), 0);
}

// An end that overtakes the answer which would have said the number.
TEST(Libyett, AnEndBeforeItsNumber) {
  const Peer peer([](const Peer& self) {
    const yett_frame spawned = self.hear();
    self.tell_end(5, 126);
    self.answer(spawned, 5);
    static_cast<void>(self.hear());
  });
  const Connection host = connect_to(peer);
  EXPECT_EQ(spawn(host), 5);
  int status = 0;
  EXPECT_EQ(yett_wait(host.get(), 5, 10000, &status), 0);
  EXPECT_EQ(status, 126);
}

TEST(Libyett, LateAnswersAreNobodys) {
  const Peer peer([](const Peer& self) {
    const yett_frame late = self.hear();
    const yett_frame next = self.hear();
    self.answer(late, 1);
    self.answer(next, 2);
    static_cast<void>(self.hear());
  });
  const Connection host = connect_to(peer);
  yett_set_patience(host.get(), 50);
  EXPECT_EQ(yett_create(host.get(), "/x"), -ETIMEDOUT);
  yett_set_patience(host.get(), 10000);
  EXPECT_EQ(yett_create(host.get(), "/x"), 2) << "not the first one's answer";
}

TEST(Libyett, WhatIsNoFrameEndsTheConnection) {
  for (const auto& spoil : std::array<std::function<void(yett_frame&)>, 2>{
           [](yett_frame& head) { head.magic ^= 1; }, [](yett_frame& head) { ++head.version; }}) {
    const Peer peer([&](const Peer& self) {
      yett_frame head = self.hear();
      spoil(head);
      self.answer(head, 4);
    });
    const Connection host = connect_to(peer);
    EXPECT_EQ(yett_create(host.get(), "/x"), -EPROTO);
    EXPECT_EQ(yett_create(host.get(), "/x"), -EPROTO) << "it is over";
  }
}

TEST(Libyett, ItsEndIsToldByEveryCall) {
  const Peer peer([](const Peer& self) { self.answer(self.hear(), 1); });
  const Connection host = connect_to(peer);
  EXPECT_EQ(spawn(host), 1);
  yett_event event{};
  EXPECT_EQ(yett_next_event(host.get(), -1, &event), -EPIPE);
  EXPECT_EQ(yett_wait(host.get(), 1, 0, nullptr), -EPIPE);
  EXPECT_EQ(yett_remove(host.get(), 1), -EPIPE);
}

TEST(Libyett, WhatCannotBeAskedIsNotSent) {
  const Peer peer([](const Peer& self) { self.answer(self.hear(), 9); });
  const Connection host = connect_to(peer);
  std::string word = "/bin/true";
  std::string huge(YETT_FRAME_MAX, 'x');
  std::array<char*, 2> words{word.data(), nullptr};
  yett_program program{.size = sizeof program - 1,
                       .sandbox = 1,
                       .arguments = words.data(),
                       .environment = nullptr,
                       .descriptors = {0, 1, 2}};
  EXPECT_EQ(yett_start(host.get(), &program), -EINVAL);
  program.size = sizeof program;
  program.descriptors[1] = -1;
  EXPECT_EQ(yett_start(host.get(), &program), -EBADF);
  program.descriptors[1] = 1;
  words[0] = huge.data();
  EXPECT_EQ(yett_start(host.get(), &program), -E2BIG);
  words[0] = nullptr;
  EXPECT_EQ(yett_start(host.get(), &program), -EINVAL);
  EXPECT_EQ(yett_create(host.get(), huge.c_str()), -ENAMETOOLONG);
  EXPECT_EQ(yett_create(host.get(), "/x"), 9) << "the first that was sent";
}

}  // namespace
}  // namespace yett

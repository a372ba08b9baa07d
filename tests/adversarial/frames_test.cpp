// The control socket: the commands of yett/uapi.h from outside, and what hostile peers do to it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/frame_client.hpp"
#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr const char* kClient = YETT_BUILD_DIR "/examples/control_client";

class ControlSocket : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    YETT_REQUIRE(::getuid() == 0, "needs root");
  }
  void TearDown() override {
    if (program_) program_->kill(SIGTERM);
    if (program_) program_->wait();
    HostUnchanged::TearDown();
  }
  void start(std::vector<std::string> words) {
    program_ = std::make_unique<RunningProgram>(yett_command(std::move(words)), RunOptions{});
  }
  // Until there is somebody at `path`.
  [[nodiscard]] static FrameClient connect(const std::string& path) {
    for (int i = 0; i < 400; ++i) {
      FrameClient client(path);
      if (client.connected()) return client;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return FrameClient(path);
  }
  [[nodiscard]] static RunResult run_client(std::vector<std::string> words,
                                            RunOptions options = {}) {
    words.insert(words.begin(), kClient);
    return RunningProgram(std::move(words), std::move(options)).wait();
  }

  std::unique_ptr<RunningProgram> program_;
};

// SECURITY(control-peer), own-words: a named sandbox's; it makes none.
TEST_F(ControlSocket, OfASandboxTellsItsOwner) {
  const std::string log = work() + "/audit.jsonl";
  start({"run", "--root", work() + "/state", "--name", "told", "-m", "64M", "--audit", log, "--",
         "sleep", "60"});
  const std::string path = work() + "/state/told/control";
  const FrameClient client = connect(path);
  ASSERT_TRUE(client.connected());

  std::string memory(YETT_INFO_SIZE_1 + 8, '\0');
  const std::uint32_t size = YETT_INFO_SIZE_1 + 8;
  std::memcpy(memory.data(), &size, sizeof size);
  ASSERT_EQ(client.call(YETT_INFO, 0, memory), 0);
  yett_info info{};
  std::memcpy(&info, memory.data(), sizeof info);
  EXPECT_STREQ(info.sandbox, "told");
  EXPECT_STREQ(info.policy, "plugin");
  EXPECT_EQ(info.size, YETT_INFO_SIZE_1);
  EXPECT_EQ(info.commands, 0xeU) << "INFO, STAT, LOG";

  std::string line(sizeof(yett_log), '\0');
  const std::string words = "from outside\x1b[31m";
  const yett_log wanted{.size = sizeof wanted,
                        .text_size = static_cast<std::uint32_t>(words.size()),
                        .text = sizeof wanted};
  std::memcpy(line.data(), &wanted, sizeof wanted);
  line += words;
  EXPECT_EQ(client.call(YETT_LOG, 0, line), 0);
  const std::string audit = read_file(log);
  EXPECT_NE(audit.find(R"("object":"from outside\u001b[31m","rule":"words of user 0 of the host)"),
            std::string::npos)
      << audit;

  EXPECT_EQ(client.create("/usr"), -ENOTTY);
  EXPECT_EQ(client.call(YETT_ADD_SELF, 1), -ENOTTY);
  const RunResult told = run_client({path});
  EXPECT_EQ(told.out.find("sandbox=told policy=plugin mode=full memory="), 0U) << told.text();
  EXPECT_NE(told.out.find("/67108864 processes="), std::string::npos) << told.text();
  const RunResult stranger =
      run_client({path}, {.before_exec = [] { static_cast<void>(::setuid(12345)); }});
  EXPECT_EQ(stranger.exit_status, 125) << stranger.text();
}

class ControlManager : public ControlSocket {
 protected:
  void SetUp() override {
    ControlSocket::SetUp();
    YETT_REQUIRE(::access("/bin/busybox", X_OK) == 0, "busybox is not installed");
    fs::create_directories(work() + "/roots/box/bin");
    fs::copy_file("/bin/busybox", work() + "/roots/box/bin/sh");
    for (const char* name : {"cat", "echo", "sleep"})
      fs::create_symlink("sh", work() + "/roots/box/bin/" + name);
    fs::create_symlink("box", work() + "/roots/link");
    start({"uapi-shell", "-m", "64M", "--socket", path()});
  }
  [[nodiscard]] std::string path() const { return work() + "/control"; }
  [[nodiscard]] std::string box() const { return work() + "/roots/box"; }
  [[nodiscard]] RunResult in_box(const std::string& script, RunOptions options = {}) const {
    return run_client({path(), box(), "/bin/sh", "-c", script}, std::move(options));
  }
};

// The program of examples/control.
TEST_F(ControlManager, RunsAProgramInASandbox) {
  ASSERT_TRUE(connect(path()).connected());
  const RunResult run = in_box("echo hello; echo $(ls /); exit 7");
  EXPECT_EQ(run.exit_status, 7) << run.text();
  EXPECT_EQ(run.out.find("hello\n"), 0U) << run.text();
  EXPECT_EQ(in_box("cat", {.input = "to and fro"}).out, "to and fro");
  EXPECT_EQ(in_box("kill -TERM $$").exit_status, 128 + SIGTERM);
  EXPECT_NE(in_box("cat " + work() + "/roots/box/bin/sh").exit_status, 0) << "of the host's";
  const RunResult told = run_client({path()});
  EXPECT_NE(told.out.find("policy=plugin mode=full"), std::string::npos) << told.text();
}

TEST_F(ControlManager, RefusesWhatItCannotUse) {
  const FrameClient client = connect(path());
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.create("roots"), -EINVAL);
  EXPECT_EQ(client.create(work() + "/roots/../roots"), -EINVAL);
  EXPECT_EQ(client.create(work() + "/roots/link"), -ELOOP);
  EXPECT_EQ(client.create(work() + "/roots/none"), -ENOENT);
  EXPECT_EQ(client.create(box() + "/bin/sh"), -ENOTDIR);
  std::string unended = "/usr";
  EXPECT_EQ(client.call(YETT_CREATE, 0, unended), -EFAULT);
  EXPECT_EQ(client.call(YETT_CREATE, ~0ULL), -EFAULT);
  EXPECT_EQ(client.call(YETT_ADD_SELF, 1), -EOPNOTSUPP);
  EXPECT_EQ(client.call(YETT_RESTRICT_SELF, 0), -EOPNOTSUPP);
  EXPECT_EQ(client.call(YETT_REMOVE, 1), -ENOENT);
  EXPECT_EQ(client.call(YETT_ENDED, 1), -ENOTTY);
  const int sandbox = client.create(box());
  EXPECT_EQ(sandbox, 1);
  EXPECT_EQ(client.spawn(sandbox + 1, {"/bin/sh"}), -ENOENT);
  EXPECT_EQ(client.spawn(sandbox, {"/bin/none"}), -ENOENT);
  EXPECT_EQ(client.spawn(sandbox, {}), -EINVAL);
  EXPECT_EQ(client.spawn(sandbox, {"/bin/sh"}, {0, 1}), -EINVAL);
  std::string memory = FrameClient::spawn_memory(sandbox, {"/bin/sh"});
  memory.pop_back();
  EXPECT_EQ(client.call(YETT_SPAWN, 0, memory), -EFAULT) << "strings that are not all there";
  EXPECT_GT(client.spawn(sandbox, {"/bin/sh", "-c", "exit 3"}), 0) << "the twin";
  const auto ended = client.receive();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->head.command, static_cast<std::uint32_t>(YETT_ENDED));
  EXPECT_EQ(ended->head.result, 3);
}

// SECURITY(struct-size), frame-bounds: what is no frame ends the connection, and says why.
TEST_F(ControlManager, HearsNothingButFrames) {
  ASSERT_TRUE(connect(path()).connected());
  const auto told = [this](const std::function<void(Frame&)>& change) {
    const FrameClient client(path());
    Frame frame = FrameClient::make(YETT_REMOVE, 1, "memory");
    change(frame);
    client.send(frame);
    const auto answer = client.receive();
    if (answer && answer->head.result != -ENOENT) {
      EXPECT_FALSE(client.receive().has_value()) << "it is over";
    }
    return answer ? answer->head.result : -ENOLINK;
  };
  EXPECT_EQ(told([](Frame&) {}), -ENOENT);
  EXPECT_EQ(told([](Frame& frame) { frame.head.magic ^= 1; }), -EPROTO);
  EXPECT_EQ(told([](Frame& frame) { frame.head.version = 2; }), -EPROTONOSUPPORT);
  EXPECT_EQ(told([](Frame& frame) { ++frame.head.size; }), -EPROTO);
  EXPECT_EQ(told([](Frame& frame) { frame.head.size = ~0U; }), -EPROTO);
  EXPECT_EQ(told([](Frame& frame) { frame.head.result = 1; }), -EPROTO);
  const FrameClient client(path());
  EXPECT_TRUE(client.send_bytes("short", {}, 0));
  const auto answer = client.receive();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->head.result, -EPROTO);
}

// What a peer made ends with it, and at REMOVE.
TEST_F(ControlManager, WhatWasMadeEndsWithItsConnection) {
  auto client = std::make_unique<FrameClient>(connect(path()));
  ASSERT_TRUE(client->connected());
  const int sandbox = client->create(box());
  EXPECT_EQ(client->spawn(sandbox, {"/bin/sleep", "1000"}), 1);
  EXPECT_EQ(client->call(YETT_REMOVE, static_cast<std::uint64_t>(sandbox)), 0);
  const auto ended = client->receive();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->head.command, static_cast<std::uint32_t>(YETT_ENDED));
  EXPECT_NE(ended->head.result, 0);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  EXPECT_GT(
      client->spawn(client->create(box()), {"/bin/sleep", "1000"}, {pipe[1], pipe[1], pipe[1]}), 0);
  ::close(pipe[1]);
  client.reset();
  char byte = 0;
  EXPECT_EQ(::read(pipe[0], &byte, 1), 0) << "its last descriptor is closed: it is gone";
  ::close(pipe[0]);
}

TEST_F(ControlManager, HasItsPlaceForItself) {
  ASSERT_TRUE(connect(path()).connected());
  const RunResult second = run_yett({"uapi-shell", "--socket", path()});
  EXPECT_EQ(second.exit_status, 125) << second.text();
  EXPECT_NE(second.err.find("there is something already"), std::string::npos) << second.text();
  EXPECT_EQ(run_client({path()}).exit_status, 0) << "the first still answers";
  program_->kill(SIGTERM);
  EXPECT_EQ(program_->wait().exit_status, 0);
  program_.reset();
  EXPECT_FALSE(fs::exists(path()));
}

// SECURITY(control-peer): also where others reach the socket.
TEST_F(ControlManager, AnswersNobodyElse) {
  ASSERT_TRUE(connect(path()).connected());
  ASSERT_EQ(::chmod(path().c_str(), 0777), 0);
  const RunResult stranger =
      run_client({path()}, {.before_exec = [] { static_cast<void>(::setuid(12345)); }});
  EXPECT_EQ(stranger.exit_status, 125) << stranger.text();
  EXPECT_EQ(run_client({path()}).exit_status, 0);
}

// SECURITY(frame-flood), frame-queue: peers that do not read, flood or leave harm no other.
TEST_F(ControlManager, PeersThatMisbehaveHarmNobody) {
  ASSERT_TRUE(connect(path()).connected());
  const FrameClient deaf(path());
  int sent = 0;
  while (sent < 100000 &&
         deaf.send(FrameClient::make(YETT_REMOVE, 1, std::string(4000, 'm')), {}, MSG_DONTWAIT))
    ++sent;
  EXPECT_LT(sent, 100000) << "it is not read from for ever";
  const FrameClient flooding(path());
  const auto begin = steady_clock::now();
  for (int i = 0; i < 2500; ++i) ASSERT_EQ(flooding.call(YETT_REMOVE, 1), -ENOENT);
  EXPECT_GT(steady_clock::now() - begin, std::chrono::milliseconds(1300));
  for (int i = 0; i < 200; ++i) {
    const FrameClient leaving(path());
    leaving.send(FrameClient::make(YETT_INFO, 0, std::string(YETT_INFO_SIZE_1, '\0')));
  }
  EXPECT_EQ(in_box("exit 5").exit_status, 5);
}

// Random frames and garbage from several at once. YETT_STORM: for how many seconds.
TEST_F(ControlManager, AStormOfFrames) {
  ASSERT_TRUE(connect(path()).connected());
  const char* given = std::getenv("YETT_STORM");
  const auto end =
      steady_clock::now() + std::chrono::seconds(given != nullptr ? std::stoi(given) : 3);
  std::atomic<std::uint64_t> sent{0};
  const auto storm = [&](unsigned seed) {
    std::minstd_rand draw(seed);
    constexpr std::array kCommands{YETT_INFO,  YETT_STAT,   YETT_LOG,     YETT_CREATE,
                                   YETT_SPAWN, YETT_REMOVE, YETT_ADD_SELF};
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    while (steady_clock::now() < end) {
      const FrameClient client(path());
      for (int i = 0; i < 50 && steady_clock::now() < end; ++i) {
        std::string memory = draw() % 3 == 0 ? box() + '\0'
                             : draw() % 2 == 0
                                 ? FrameClient::spawn_memory(static_cast<int>(draw() % 3),
                                                             {"/bin/sh", "-c", "exit 1"})
                                 : std::string(draw() % 5000, static_cast<char>(draw()));
        Frame frame = FrameClient::make(static_cast<unsigned>(kCommands[draw() % kCommands.size()]),
                                        draw() % 4, std::move(memory));
        if (draw() % 40 == 0) frame.head.size = static_cast<std::uint32_t>(draw());
        if (draw() % 40 == 0) frame.head.command = static_cast<std::uint32_t>(draw());
        const std::vector<int> passed(draw() % 8 == 0 ? draw() % 6 : 0, null);
        if (!client.send(frame, passed, MSG_DONTWAIT)) break;
        ++sent;
        if (draw() % 4 != 0 && !client.receive()) break;
      }
    }
    ::close(null);
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(storm, std::random_device{}());
  for (std::thread& each : threads) each.join();
  EXPECT_GT(sent, 100U);
  std::printf("%llu frames\n", static_cast<unsigned long long>(sent.load()));
  EXPECT_EQ(in_box("exit 5").exit_status, 5);
}

}  // namespace
}  // namespace yett::test

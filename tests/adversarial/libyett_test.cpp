// libyett beside the real thing: plugins that an application does not trust.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yett/yett.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/plugin_host.hpp"
#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

using Connection = std::unique_ptr<yett_host, client::Disconnect>;

class Libyett : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    YETT_REQUIRE(::getuid() == 0, "needs root");
    make_plugins(root());
    manager_ = std::make_unique<RunningProgram>(
        yett_command({"uapi-shell", "-m", "64M", "--socket", path()}), RunOptions{});
    host_ = connect();
    ASSERT_NE(host_, nullptr);
  }
  void TearDown() override {
    host_.reset();
    if (manager_) manager_->kill(SIGTERM);
    if (manager_) manager_->wait();
    HostUnchanged::TearDown();
  }

  [[nodiscard]] std::string path() const { return work() + "/manager"; }
  [[nodiscard]] std::string root() const { return work() + "/plugins"; }
  [[nodiscard]] Connection connect() const {
    yett_host* host = nullptr;
    for (int i = 0; i < 400 && yett_connect(path().c_str(), &host) != 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return Connection(host);
  }
  // With `input` as what it reads.
  [[nodiscard]] int spawn(int sandbox, std::string path, int input) const {
    const std::array<char*, 2> words{path.data(), nullptr};
    const yett_program program{.size = sizeof program,
                               .sandbox = sandbox,
                               .arguments = words.data(),
                               .environment = nullptr,
                               .descriptors = {input, input, 2}};
    return yett_start(host_.get(), &program);
  }

  std::unique_ptr<RunningProgram> manager_;
  Connection host_;
};

// examples/plugin-host: one answers, one dies, one is killed, one finds nothing.
TEST_F(Libyett, TheExamplesHostLivesWithEachOfItsPlugins) {
  expect_plugins_heard(run_plugin_host(path(), root()), "status 134");
}

TEST_F(Libyett, SaysWhoAnswers) {
  yett_info info{};
  ASSERT_EQ(yett_read_info(host_.get(), &info), 0);
  EXPECT_STREQ(info.policy, "plugin");
  EXPECT_STREQ(info.mode, "full");
}

TEST_F(Libyett, ErrorsAreTheManagers) {
  EXPECT_EQ(yett_create(host_.get(), "plugins"), -EINVAL);
  EXPECT_EQ(yett_create(host_.get(), (root() + "/none").c_str()), -ENOENT);
  EXPECT_EQ(yett_remove(host_.get(), 7), -ENOENT);
  const int sandbox = yett_create(host_.get(), root().c_str());
  EXPECT_EQ(sandbox, 1);
  EXPECT_EQ(spawn(sandbox, "/bin/none", 0), -ENOENT);
  EXPECT_EQ(yett_wait(host_.get(), 1, 0, nullptr), -ENOENT);
}

// A program that runs is waited for, and removal ends it.
TEST_F(Libyett, RemovalEndsWhatRuns) {
  const int sandbox = yett_create(host_.get(), root().c_str());
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const int program = spawn(sandbox, "/bin/upper", pipe[0]);
  ASSERT_GT(program, 0);
  EXPECT_EQ(yett_wait(host_.get(), program, 100, nullptr), -ETIMEDOUT);
  EXPECT_EQ(yett_remove(host_.get(), sandbox), 0);
  int status = 0;
  EXPECT_EQ(yett_wait(host_.get(), program, 30000, &status), 0);
  EXPECT_NE(status, 0);
  EXPECT_TRUE(sandboxes_gone_within(5000)) << living_sandbox_processes();
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// The same in C++: objects that end what they made, and exceptions.
TEST_F(Libyett, ObjectsEndWhatTheyMade) {
  const Host host(path());
  EXPECT_STREQ(host.info().policy, "plugin");
  EXPECT_THROW(Sandbox(host, root() + "/none"), std::system_error);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  int program = 0;
  {
    Sandbox first(host, root());
    const Sandbox sandbox = std::move(first);
    EXPECT_THROW(static_cast<void>(sandbox.start({"/bin/none"}, {0, 1, 2})), std::system_error);
    program = sandbox.start({"/bin/upper"}, {pipe[0], pipe[0], 2}, {"A=b"});
    EXPECT_FALSE(host.wait(program, std::chrono::milliseconds(100)).has_value());
  }
  const auto event = host.next_event(std::chrono::seconds(30));
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->program, program);
  EXPECT_THROW(static_cast<void>(host.wait(program, std::chrono::seconds(0))), std::system_error);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// A child of fork(2) that closes its copy takes nothing from its parent; the parent's end does not
// wait for a child that keeps one.
TEST_F(Libyett, ForksDoNotKeepOrEndAConnection) {
  const int sandbox = yett_create(host_.get(), root().c_str());
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const int program = spawn(sandbox, "/bin/upper", pipe[0]);
  ASSERT_GT(program, 0);
  const pid_t closing = ::fork();
  if (closing == 0) {
    yett_close_in_child(host_.release());
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(closing, nullptr, 0), closing);
  EXPECT_EQ(yett_wait(host_.get(), program, 100, nullptr), -ETIMEDOUT) << "it runs on";
  const pid_t keeping = ::fork();
  if (keeping == 0) {
    ::pause();
    ::_exit(0);
  }
  host_.reset();
  EXPECT_TRUE(sandboxes_gone_within(20000)) << living_sandbox_processes();
  ::kill(keeping, SIGKILL);
  ::waitpid(keeping, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// SECURITY(death): the manager's death is told, and leaves nothing running.
TEST_F(Libyett, ItsManagersDeathIsToldAndEndsAll) {
  const int sandbox = yett_create(host_.get(), root().c_str());
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  ASSERT_GT(spawn(sandbox, "/bin/upper", pipe[0]), 0);
  manager_->kill(SIGKILL);
  yett_event event{};
  int told = 0;
  while ((told = yett_next_event(host_.get(), 30000, &event)) == 1) {
  }
  EXPECT_EQ(told, -EPIPE);
  EXPECT_TRUE(sandboxes_gone_within(5000)) << living_sandbox_processes();
  ::unlink(path().c_str());
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// What an application links against brings nothing but the C library with it.
TEST(LibyettFile, NeedsTheCLibraryAlone) {
  const RunResult needed =
      RunningProgram({"readelf", "-dW", YETT_BUILD_DIR "/lib/libyett.so"}, RunOptions{}).wait();
  ASSERT_EQ(needed.exit_status, 0) << needed.text();
  std::string libraries;
  for (std::size_t at = 0; (at = needed.out.find("(NEEDED)", at)) != std::string::npos; ++at) {
    const std::size_t name = needed.out.find('[', at);
    libraries += needed.out.substr(name, needed.out.find(']', name) - name + 1);
  }
  EXPECT_EQ(libraries, "[libc.so.6]");
}

}  // namespace
}  // namespace yett::test

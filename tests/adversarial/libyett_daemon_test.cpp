// libyett with yettd at the other end: what `yett uapi-shell` has not.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yett/yett.hpp>

#include <array>
#include <cerrno>

#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/adversarial/plugin_host.hpp"

namespace yett::test {
namespace {

constexpr std::chrono::seconds kPatience{60};

class LibyettDaemon : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override {
    return "[template.plugins]\noptions = [\"-m\", \"64M\", \"" + root() +
           "\"]\npool = 2\n[template.host]\noptions = [\"-m\", \"32M\"]\n"
           "[template.short]\noptions = [\"--time\", \"300ms\"]\n";
  }
  void prepare() override { make_plugins(root()); }
  void SetUp() override {
    DaemonFixture::SetUp();
    if (daemon_ && daemon_->ready()) host_.emplace(daemon_->socket());
  }
  void TearDown() override {
    host_.reset();
    DaemonFixture::TearDown();
  }
  [[nodiscard]] std::string root() const { return work() + "/plugins"; }
  // The number of a program with pipes of its own.
  int spawn(const Sandbox& sandbox, std::vector<std::string> words,
            std::array<int, 3>& ends) const {
    const std::vector<char*> pointers = client::words_of(words);
    yett_program program{};
    program.size = sizeof program;
    program.sandbox = sandbox.number();
    program.arguments = pointers.data();
    return yett_spawn(host_->get(), &program, YETT_STDIO_PIPES, ends.data());
  }
  // The next event of this kind.
  [[nodiscard]] yett_event event(int kind) const {
    while (const auto told = host_->next_event(kPatience))
      if (told->kind == kind) return *told;
    return {};
  }
  static void close_all(const std::array<int, 3>& ends) {
    for (const int end : ends) ::close(end);
  }

  std::optional<Host> host_;
};

// examples/plugin-host with yettd: a template in a directory's place, and more to be heard.
TEST_F(LibyettDaemon, TheExamplesHostHearsMore) {
  expect_plugins_heard(run_plugin_host(daemon_->socket(), "plugins"), "status 134, signaled");
}

TEST_F(LibyettDaemon, SpawnsWithPipesKillsAndCounts) {
  host_->watch();
  const Sandbox sandbox(*host_, "host");
  std::array<int, 3> ends{};
  const int program =
      spawn(sandbox, {"sh", "-c", "read line; echo \"got $line\"; echo e >&2; cat"}, ends);
  ASSERT_GT(program, 0);
  ASSERT_EQ(::write(ends[0], "this\n", 5), 5);
  std::array<char, 64> text{};
  EXPECT_EQ(::read(ends[1], text.data(), text.size()), 9);
  EXPECT_STREQ(text.data(), "got this\n");
  EXPECT_EQ(::read(ends[2], text.data(), text.size()), 2);
  const int guard = event(YETT_EVENT_STARTED).status;  // yettd may hear of it later
  const yett_program_info told = host_->stats(program);
  EXPECT_GT(guard, 0);
  EXPECT_EQ(told.guard_pid, guard);
  EXPECT_GT(told.memory_bytes, 0U);
  EXPECT_STREQ(static_cast<const char*>(told.made_of), "host");
  EXPECT_THROW(host_->kill(program, SIGCONT), std::system_error);
  EXPECT_THROW(host_->kill(program + 1, SIGTERM), std::system_error);
  host_->kill(program, SIGTERM);
  EXPECT_EQ(host_->wait(program, kPatience), 128 + SIGTERM);
  EXPECT_THROW(static_cast<void>(host_->stats(program)), std::system_error);
  close_all(ends);
}

TEST_F(LibyettDaemon, TellsRefusalsLimitsAndWhyItEnded) {
  host_->watch();
  const Sandbox sandbox(*host_, "host");
  std::array<int, 3> ends{};
  ASSERT_GT(spawn(sandbox, {"unshare", "-U", "true"}, ends), 0);
  const yett_event refused = event(YETT_EVENT_REFUSED);
  EXPECT_STREQ(static_cast<const char*>(refused.call), "unshare");
  EXPECT_STREQ(static_cast<const char*>(event(YETT_EVENT_ENDED).text), "exited");
  close_all(ends);
  ASSERT_GT(spawn(sandbox, {"sh", "-c", "a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done"}, ends), 0);
  EXPECT_STREQ(static_cast<const char*>(event(YETT_EVENT_ENDED).text), "out_of_memory");
  close_all(ends);
  const Sandbox brief(*host_, "short");
  ASSERT_GT(spawn(brief, {"sleep", "100"}, ends), 0);
  const yett_event ended = event(YETT_EVENT_ENDED);
  EXPECT_STREQ(static_cast<const char*>(ended.text), "wall_time");
  EXPECT_EQ(ended.status, 128 + SIGKILL);
  close_all(ends);
}

// yettd dies; on a connection to the next one the application has its programs again.
TEST_F(LibyettDaemon, ProgramsAreTakenFromTheNextYettd) {
  const Sandbox sandbox(*host_, "host");
  std::array<int, 3> ends{};
  const int program = spawn(sandbox, {"sh", "-c", "echo up; read line; exit 6"}, ends);
  ASSERT_GT(program, 0);
  std::array<char, 64> text{};
  EXPECT_EQ(::read(ends[1], text.data(), text.size()), 3);
  static_cast<void>(daemon_->die());
  EXPECT_EQ(yett_wait(host_->get(), program, -1, nullptr), -EPIPE);
  ASSERT_TRUE(daemon_->start());
  Host again(daemon_->socket());
  EXPECT_EQ(yett_wait(again.get(), program, 0, nullptr), -ENOENT);
  EXPECT_EQ(yett_take(again.get(), program + 1), -ENOENT);
  again.take(program);
  EXPECT_EQ(yett_take(again.get(), program), -EBUSY);
  EXPECT_EQ(::write(ends[0], "end\n", 4), 4);
  EXPECT_EQ(again.wait(program, kPatience), 6);
  close_all(ends);
}

// A guard is killed by its name, and with it all that it guards; a name that is another's by its
// time kills nobody.
TEST_F(LibyettDaemon, GuardsAreKilledByNameAlone) {
  host_->watch();
  const Sandbox sandbox(*host_, "host");
  std::array<int, 3> ends{};
  const int program = spawn(sandbox, {"sleep", "100"}, ends);
  const int guard = event(YETT_EVENT_STARTED).status;
  ASSERT_GT(guard, 0);
  std::array<char, YETT_GUARD_NAME_MAX> name{};
  ASSERT_EQ(yett_guard_name(guard, name.data(), name.size()), 0);
  EXPECT_EQ(yett_guard_name(guard, name.data(), 4), -ENOSPC);
  ASSERT_EQ(yett_guard_name(guard, name.data(), name.size()), 0);
  const std::string other = std::string(name.data()) + "1";
  EXPECT_EQ(yett_kill_guard(other.c_str()), -ESRCH);
  EXPECT_EQ(yett_kill_guard("guard-1"), -EINVAL);
  EXPECT_FALSE(host_->wait(program, std::chrono::milliseconds(100)).has_value());
  EXPECT_EQ(yett_kill_guard(name.data()), 0);
  EXPECT_EQ(host_->wait(program, kPatience), 128 + SIGKILL);
  EXPECT_EQ(yett_kill_guard(name.data()), -ESRCH);
  close_all(ends);
}

}  // namespace
}  // namespace yett::test

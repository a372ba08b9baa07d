// Sandboxes in the background whose supervisor is killed ([on] supervisor_loss), and the commands
// that find them afterwards.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/await.hpp"
#include "tests/support/background_sandboxes.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

class Adoption : public BackgroundSandboxes {
 protected:
  [[nodiscard]] std::vector<std::string> run_words(const std::string& loss,
                                                   std::vector<std::string> flags,
                                                   const std::string& script) const {
    std::ofstream(directory_ + "/policy.toml")
        << "extends = \"plugin\"\n[on]\nsupervisor_loss = \"" << loss << "\"\n";
    std::vector<std::string> line{
        "run", "--root",   directory_ + "/state",       "-d",      "--name",
        "it",  "--policy", directory_ + "/policy.toml", "--audit", directory_ + "/audit"};
    line.insert(line.end(), flags.begin(), flags.end());
    line.insert(line.end(), {"--", "sh", "-c", script});
    return line;
  }
  void start(const std::string& loss, const std::string& script) const {
    const RunResult started = run_yett(run_words(loss, {}, script));
    ASSERT_EQ(started.exit_status, 0) << started.text();
  }
  [[nodiscard]] std::string audit() const {
    std::stringstream text;
    text << std::ifstream(directory_ + "/audit").rdbuf();
    return text.str();
  }
  [[nodiscard]] int supervisor() const { return supervisor_of("it"); }
  // Returns when another one has put itself down as the supervisor.
  void lose_supervisor() const {
    const int lost = supervisor();
    ASSERT_GT(lost, 1);
    ASSERT_EQ(::kill(lost, SIGKILL), 0);
    ASSERT_TRUE(comes_true([&] { return supervisor() > 1 && supervisor() != lost; }))
        << yett({"ps", "-a"}).out;
  }
  [[nodiscard]] std::string status() const {
    const RunResult listed = yett({"ps", "-a"});
    return listed.out;
  }
  // Its program writes: it runs, and its log is kept.
  void expect_runs() const {
    const std::size_t before = yett({"logs", "it"}).out.size();
    EXPECT_TRUE(comes_true([&] { return yett({"logs", "it"}).out.size() > before; }));
  }

  static constexpr const char* kTicks = "while sleep 0.05; do echo tick; done";
};

TEST_F(Adoption, AllCommandsFindWhoTookOver) {
  start("adopt", kTicks);
  for (int losses = 0; losses < 2; ++losses) {
    lose_supervisor();
    expect_runs();
    EXPECT_NE(status().find("Up "), std::string::npos) << status();
    const RunResult inside = yett({"exec", "it", "echo", "hello"});
    EXPECT_EQ(inside.out, "hello\n") << inside.text();
  }
  const RunResult stopped = yett({"stop", "it"});
  EXPECT_EQ(stopped.exit_status, 0) << stopped.text();
  EXPECT_NE(status().find("Exited (143)"), std::string::npos) << status();
  EXPECT_NE(audit().find("\"call\":\"supervisor lost\""), std::string::npos);
  EXPECT_EQ(yett({"rm", "it"}).exit_status, 0);
}

TEST_F(Adoption, WhoeverWaitsIsToldHowItEnded) {
  RunningProgram waiting(
      yett_command(
          run_words("adopt", {"--wait"}, "while ! test -e /tmp/end; do sleep 0.05; done; exit 7")),
      {});
  ASSERT_TRUE(waiting.wait_for_output("it\n", std::chrono::seconds(20)));
  lose_supervisor();
  static_cast<void>(yett({"exec", "it", "touch", "/tmp/end"}));  // itself ended by the end
  const RunResult ended = waiting.wait();
  EXPECT_EQ(ended.exit_status, 7) << ended.text();
  EXPECT_EQ(ended.out, "it\n");
}

TEST_F(Adoption, FrozenItStandsStillUntilItIsResumed) {
  start("freeze", kTicks);
  lose_supervisor();
  EXPECT_NE(status().find("(Paused)"), std::string::npos) << status();
  const std::size_t written = yett({"logs", "it"}).out.size();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(yett({"logs", "it"}).out.size(), written);
  const RunResult resumed = yett({"resume", "it"});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.text();
  expect_runs();
  EXPECT_EQ(yett({"stop", "it"}).exit_status, 0);
  EXPECT_NE(status().find("Exited (143)"), std::string::npos) << status();
}

TEST_F(Adoption, FrozenItCanBeEnded) {
  start("freeze", kTicks);
  lose_supervisor();
  const RunResult removed = yett({"rm", "-f", "it"});
  EXPECT_EQ(removed.exit_status, 0) << removed.text();
  EXPECT_EQ(yett({"ps", "-aq"}).out, "");
}

TEST_F(Adoption, WithoutASuccessorItDies) {
  start("kill", kTicks);
  const int lost = supervisor();
  ASSERT_GT(lost, 1);
  ASSERT_EQ(::kill(lost, SIGKILL), 0);
  EXPECT_TRUE(comes_true([&] { return status().find("Dead") != std::string::npos; })) << status();
}

TEST_F(Adoption, ItsPolicyStays) {
  start("adopt", kTicks);
  const RunResult swapped = yett({"policy", "swap", "it", "plugin"});
  EXPECT_NE(swapped.exit_status, 0) << swapped.text();
}

}  // namespace
}  // namespace yett::test

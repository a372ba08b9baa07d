// Sandboxes with a name, of a user without rights: in a store of the user's own.
#include <sys/stat.h>

#include "tests/integration/rootless_fixture.hpp"
#include "tests/support/await.hpp"

namespace yett::test {
namespace {

class RootlessSandboxes : public RootlessCase {
 protected:
  void TearDown() override {
    if (home_) static_cast<void>(yett({"rm", "--force", "kept"}));
  }
  [[nodiscard]] RunResult yett(std::vector<std::string> words) const {
    return run_yett(std::move(words), home_->options());
  }
  [[nodiscard]] RunResult start(const std::string& script) const {
    return run({"-d", "--name", "kept", "--", "sh", "-c", script});
  }
};

TEST_F(RootlessSandboxes, LiveTheLifeOfRoots) {
  const RunResult started = start("echo x > /tmp/x; echo begun; exec sleep 600");
  ASSERT_EQ(started.out, "kept\n") << started.text();
  EXPECT_TRUE(comes_true([this] { return yett({"logs", "kept"}).out == "begun\n"; }));
  EXPECT_NE(yett({"ps"}).out.find("kept"), std::string::npos);
  const RunResult more = yett({"exec", "kept", "sh", "-c", "id -u; cat /tmp/x; ls /proc/1"});
  EXPECT_EQ(more.out.substr(0, 7), "1000\nx\n") << more.text();
  EXPECT_EQ(yett({"exec", "kept", "sh", "-c", "exit 7"}).exit_status, 7);
  EXPECT_EQ(yett({"exec", "-t", "kept", "tty"}).out, "/dev/pts/0\r\n");
  EXPECT_EQ(yett({"logs", "kept"}).out, "begun\n");
  const RunResult taken = start("true");
  EXPECT_EQ(taken.exit_status, 125) << taken.text();
  EXPECT_NE(yett({"rm", "kept"}).exit_status, 0);
  EXPECT_EQ(yett({"stop", "kept"}).exit_status, 0);
  EXPECT_EQ(yett({"rm", "kept"}).exit_status, 0);
  EXPECT_EQ(yett({"ps", "-a"}).out.find("kept"), std::string::npos);
}

// What exec brings in is held as what was there from the beginning.
TEST_F(RootlessSandboxes, WhatEntersHasNothingThatOthersHaveNot) {
  ASSERT_EQ(start("exec sleep 600").exit_status, 0);
  const char* const kFacts =
      "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups)' /proc/self/status; readlink /proc/self/ns/user; "
      "unshare -U true || echo refused";
  const RunResult entered = yett({"exec", "kept", "sh", "-c", kFacts});
  const RunResult first = run({"--", "sh", "-c", kFacts});
  EXPECT_NE(entered.out.find("refused"), std::string::npos) << entered.text();
  EXPECT_NE(entered.out.find("CapEff:\t0000000000000000"), std::string::npos) << entered.text();
  EXPECT_NE(entered.out.find("NoNewPrivs:\t1"), std::string::npos) << entered.text();
  const auto until_namespace = [](const std::string& text) {
    return text.substr(0, text.find("user:["));
  };
  EXPECT_EQ(until_namespace(entered.out), until_namespace(first.out));
}

TEST_F(RootlessSandboxes, AreOutOfReachOfOtherUsers) {
  ASSERT_EQ(start("exec sleep 600").exit_status, 0);
  const std::string root = home_->path() + "/run/yett/oci";
  struct stat status{};
  ASSERT_EQ(::stat(root.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kOrdinaryUser);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  RunOptions other = home_->options();
  other.before_exec = [] {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(61'235, 61'235, 61'235) != 0 ||
        ::setresuid(61'235, 61'235, 61'235) != 0)
      ::_exit(124);
  };
  other.directory = "/";
  const RunResult refused = run_yett({"--root", root, "exec", "kept", "id"}, other);
  EXPECT_NE(refused.exit_status, 0);
  EXPECT_EQ(refused.out, "");
  EXPECT_NE(run_yett({"--root", root, "rm", "--force", "kept"}, other).out, "kept\n");
  EXPECT_EQ(yett({"--root", root, "exec", "kept", "id", "-u"}).out, "1000\n");
}

TEST_F(RootlessSandboxes, WhatTakesACgroupSaysSo) {
  ASSERT_EQ(start("exec sleep 600").exit_status, 0);
  const RunResult paused = yett({"pause", "kept"});
  EXPECT_NE(paused.exit_status, 0);
  EXPECT_NE(paused.err.find("no cgroup"), std::string::npos) << paused.text();
  const RunResult counted = yett({"stats", "--no-stream", "kept"});
  EXPECT_NE(counted.exit_status, 0);
  EXPECT_NE(counted.err.find("no cgroup"), std::string::npos) << counted.text();
}

// In front, too: its record goes with it.
TEST_F(RootlessSandboxes, InFrontHaveANameWhileTheyRun) {
  RunningProgram running(
      yett_command({"run", "--name", "kept", "--", "sh", "-c", "echo up; exec sleep 600"}),
      home_->options());
  ASSERT_TRUE(running.wait_for_output("up", std::chrono::seconds(60)));
  // Its program may speak before its supervisor has written down that it runs.
  bool listed = false;
  for (int tries = 0; tries < 200 && !listed; ++tries)
    listed = yett({"ps"}).out.find("kept") != std::string::npos;
  EXPECT_TRUE(listed);
  running.kill(SIGTERM);
  EXPECT_EQ(running.wait().exit_status, 143);
  EXPECT_EQ(yett({"ps", "-a"}).out.find("kept"), std::string::npos);
}

}  // namespace
}  // namespace yett::test

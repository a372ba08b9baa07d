// Sandboxes of yettd's pool: none differs from one that is made for its program, and none is used
// twice.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/adversarial/posture.hpp"

namespace yett::test {
namespace {

// The same options thrice, and once with one that makes a difference.
constexpr const char* kConfig = R"(
users = [61301]
[template.warm]
options = ["-m", "64M", "--pids", "20", "-e", "SAID=once"]
pool = 3
[template.cold]
options = ["-m", "64M", "--pids", "20", "-e", "SAID=once"]
[template.other]
options = ["-m", "64M", "--pids", "20", "-e", "SAID=twice"]
pool = 1
)";
constexpr uid_t kUser = 61'301;

class WarmPool : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override {
    return kConfig + std::string("[template.audited]\npool = 1\noptions = [\"--audit\", \"") +
           work() + "/audit\"]\n";
  }
  void SetUp() override {
    DaemonFixture::SetUp();
    if (daemon_) client_.emplace(daemon_->socket());
  }
  void TearDown() override {
    client_.reset();
    DaemonFixture::TearDown();
  }
  [[nodiscard]] bool is_full() const { return is_pool_full("warm", 3) && is_pool_full("other", 1); }
  // What the program wrote; its status is told first.
  std::string run(const std::string& name, const std::string& script) {
    OutputPipe out;
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int program = client_->start(client_->make_sandbox(name), {"/bin/sh", "-c", script},
                                       {nothing.get(), out.writer(), out.writer()});
    std::string text = out.read_all();
    return std::to_string(client_->wait_for(program)) + "\n" + text;
  }
  // The same by `yett run` with these options.
  std::string run_with(const std::vector<std::string>& options, const std::string& script) {
    OutputPipe out;
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    std::vector<std::string> words = options;
    words.insert(words.end(), {"--", "/bin/sh", "-c", script});
    const int program = client_->run(words, {nothing.get(), out.writer(), out.writer()});
    std::string text = out.read_all();
    return std::to_string(client_->wait_for(program)) + "\n" + text;
  }
  [[nodiscard]] double warm_starts() const {
    return daemon_->metric("yettd_starts_total{from=\"pool\"}");
  }

  std::optional<DaemonClient> client_;
};

// The posture: descriptors, namespaces, mounts, environment, credentials, limits,
// session, files.
TEST_F(WarmPool, NothingTellsAWarmSandboxFromAColdOne) {
  ASSERT_TRUE(is_full());
  const std::string warm = posture(run("warm", kAwaitInit + kPosture));
  EXPECT_EQ(warm_starts(), 1);
  const std::string cold = posture(run("cold", kAwaitInit + kPosture));
  EXPECT_EQ(warm_starts(), 1);
  EXPECT_EQ(warm, cold);
  EXPECT_NE(cold.find("SAID=once"), std::string::npos) << cold;
  EXPECT_NE(cold.find("CapEff:\t0"), std::string::npos) << cold;
  // The twin: a sandbox that differs is told from both.
  const std::string other = posture(run("other", kAwaitInit + kPosture));
  EXPECT_EQ(warm_starts(), 2);
  EXPECT_NE(other, cold);
}

// SECURITY(pool-run): `yett run` is given a sandbox that waits, where that is the one that it would
// be given: as the command line says it, whatever it is written like. The twin is made for it.
TEST_F(WarmPool, NothingTellsARunOfThePoolFromAColdOne) {
  ASSERT_TRUE(is_full());
  const std::vector<std::string> options{"--pids=20", "--memory", "64M", "-e", "SAID=once"};
  const std::string warm = posture(run_with(options, kAwaitInit + kPosture));
  EXPECT_EQ(warm_starts(), 1);
  std::vector<std::string> others = options;
  others.insert(others.end(), {"--audit", "/dev/null"});
  const std::string cold = posture(run_with(others, kAwaitInit + kPosture));
  EXPECT_EQ(warm_starts(), 1);
  EXPECT_EQ(warm, cold);
  EXPECT_EQ(warm, posture(run("cold", kAwaitInit + kPosture)));
  EXPECT_NE(warm.find("SAID=once"), std::string::npos) << warm;
}

// SECURITY(pool-run): what is said otherwise is made otherwise; a variable more is the program's.
TEST_F(WarmPool, ARunThatSaysAnythingElseIsMadeCold) {
  ASSERT_TRUE(is_full());
  const std::string tell = "echo $SAID $MORE; exit 4";
  const std::vector<std::string> same{"-m", "64M", "--pids", "20", "-e", "SAID=once"};
  const auto with = [&same](const std::vector<std::string>& more) {
    std::vector<std::string> options = same;
    options.insert(options.end(), more.begin(), more.end());
    return options;
  };
  EXPECT_EQ(run_with({"-m", "64M", "--pids", "20"}, tell), "4\n\n");
  EXPECT_EQ(run_with({"-m", "64M", "--pids", "20", "-e", "SAID=never"}, tell), "4\nnever\n");
  EXPECT_EQ(run_with({"-m", "65M", "--pids", "20", "-e", "SAID=once"}, tell), "4\nonce\n");
  EXPECT_EQ(run_with({"-m", "64M", "--pids", "21", "-e", "SAID=once"}, tell), "4\nonce\n");
  for (const auto& more : std::vector<std::vector<std::string>>{
           {"-u", "7"}, {"-w", "/tmp"}, {"-v", "/usr:/more:ro"}, {"--truth", "host"}})
    EXPECT_EQ(run_with(with(more), tell), "4\nonce\n") << more[0];
  // Another user's are made with that user's rights.
  const std::string home = work() + "/run";
  std::filesystem::create_directory(home);
  ASSERT_EQ(::chown(home.c_str(), kUser, kUser), 0);
  EXPECT_EQ(as_user(kUser,
                    [&]() -> std::vector<int> {
                      DaemonClient client(daemon_->socket());
                      return {client.wait_for(client.run(
                          with({"--", "sh", "-c", "exit 5"}), {0, 1, 2},
                          {"PATH=/usr/bin:/bin", "HOME=" + home, "XDG_RUNTIME_DIR=" + home}))};
                    }),
            std::vector{5});
  EXPECT_EQ(warm_starts(), 0);
  EXPECT_EQ(run_with(with({"-e", "MORE=1"}), tell), "4\nonce 1\n");
  EXPECT_EQ(warm_starts(), 1);
  std::filesystem::remove_all(home);
}

// `yett run` tells which it was, when it has ended; so does the audit log of a sandbox that waits.
TEST_F(WarmPool, ReportsAndAuditLogsTellHowASandboxCameAbout) {
  ASSERT_TRUE(is_full());
  const auto told = [this](const std::vector<std::string>& options) {
    const std::string report = work() + "/report";
    std::vector<std::string> words{YETT_BUILD_DIR "/bin/yett", "-H", daemon_->socket(), "run"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--report", report, "--", "sh", "-c", "echo out; exit 3"});
    const RunResult run = run_program(words);
    EXPECT_EQ(run.exit_status, 3) << run.text();
    EXPECT_EQ(run.out, "out\n");
    std::string text = read_file(report);
    std::filesystem::remove(report);
    return text;
  };
  const std::string warm = told({"-m", "64M", "--pids", "20", "-e", "SAID=once"});
  EXPECT_NE(warm.find("\"start\": \"pool\""), std::string::npos) << warm;
  EXPECT_NE(warm.find("\"status\": 3"), std::string::npos) << warm;
  const std::string cold = told({"-m", "64M", "--pids", "22"});
  EXPECT_NE(cold.find("\"start\": \"cold\""), std::string::npos) << cold;
  EXPECT_EQ(warm_starts(), 1);
  ASSERT_TRUE(is_pool_full("audited", 1));
  const std::string header = read_file(work() + "/audit");
  EXPECT_NE(header.find(R"("event":"start","start":"pool")"), std::string::npos) << header;
}

// What one program leaves behind, no other finds.
TEST_F(WarmPool, NobodyComesAfterAnother) {
  ASSERT_TRUE(is_full());
  const std::string leave = "echo mine > /tmp/left && echo mine > $HOME/left; sleep 1000 & echo $?";
  EXPECT_EQ(run("warm", leave + " >&2; exec >&- 2>&-").substr(0, 2), "0\n");
  const std::string look = "ls /tmp $HOME; set -- /proc/[0-9]*; echo $#";
  const std::string next = run("warm", look);
  EXPECT_EQ(next.find("left"), std::string::npos) << next;
  EXPECT_EQ(next, run("cold", look));
  EXPECT_EQ(warm_starts(), 2);
}

// As many at once as one likes: who finds the pool empty is served, too.
TEST_F(WarmPool, AnEmptyPoolIsNoRefusal) {
  ASSERT_TRUE(is_full());
  const int sandbox = client_->make_sandbox("warm");
  std::vector<int> programs;
  for (int i = 0; i < 8; ++i) programs.push_back(client_->start(sandbox, {"true"}));
  for (const int program : programs) EXPECT_EQ(client_->wait_for(program), 0);
  EXPECT_TRUE(is_full());
}

// A sandbox of the pool that dies is replaced.
TEST_F(WarmPool, WhatDiesWhileItWaitsIsReplaced) {
  ASSERT_TRUE(is_full());
  // The starter is the daemon's child, the supervisors are the starter's.
  const std::vector<int> starter = children_of(daemon_->pid());
  ASSERT_EQ(starter.size(), 1U);
  const std::vector<int> waiting = children_of(starter[0]);
  EXPECT_FALSE(waiting.empty());
  for (const int pid : waiting) EXPECT_EQ(::kill(pid, SIGKILL), 0);
  for (const int pid : waiting)  // until the starter has reaped it
    while (::kill(pid, 0) == 0) ::usleep(1000);
  EXPECT_EQ(run("warm", "echo here"), "0\nhere\n");
  EXPECT_TRUE(is_full());
  EXPECT_EQ(run("warm", "echo again"), "0\nagain\n");
}

}  // namespace
}  // namespace yett::test

// security.md, "Supervisor": killed or stopped at any moment of the start and of the run, it takes
// the sandbox with it, and no forbidden call succeeds in between.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/await.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class Death : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    volume_ = work() + "/volume";
    ASSERT_EQ(::mkdir(volume_.c_str(), 0777), 0);
    ASSERT_EQ(::chmod(volume_.c_str(), 0777), 0);
  }

  [[nodiscard]] std::vector<std::string> attack() const {
    return yett_command(
        {"run", "-v", kAttackVolume, "-v", volume_ + ":/data", "--", "/attacks/forbidden_first"});
  }

  // What the attack told of. "started" is no success.
  [[nodiscard]] std::string forbidden_successes() const {
    std::string names;
    for (const auto& entry : std::filesystem::directory_iterator(volume_))
      if (entry.path().filename() != "started") names += entry.path().filename().string() + " ";
    return names;
  }
  // Where a start takes longer than the sweep's 20 ms, the sweep is stretched, with fewer steps.
  [[nodiscard]] microseconds slowly(microseconds time) {
    if (stretch_ == 0) {
      const auto began = std::chrono::steady_clock::now();
      RunningProgram yett(attack(), {});
      EXPECT_TRUE(comes_true([this] { return started(); }, microseconds(100)));
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - began;
      stretch_ = std::max(1.0, took.count() * 1.5 / 20);
    }
    return microseconds(static_cast<long>(static_cast<double>(time.count()) * stretch_));
  }
  [[nodiscard]] bool started() const { return ::access((volume_ + "/started").c_str(), F_OK) == 0; }

  std::string volume_;
  double stretch_ = 0;
};

// SECURITY(die-with-supervisor): the kill comes at every 0.1 ms of the first 20 ms, which covers
// each step of the start several times; the sandbox is gone within a second.
TEST_F(Death, KilledAtEachMomentOfTheStart) {
  int ran = 0;
  static_cast<void>(slowly(microseconds(0)));
  ASSERT_TRUE(sandboxes_gone_within(1000));
  std::filesystem::remove(volume_ + "/started");
  for (int tenth = 0; tenth < 200;
       tenth += std::max(200 / repeated(200), static_cast<int>(std::min(stretch_, 10.0)))) {
    {
      RunningProgram yett(attack(), {});
      std::this_thread::sleep_for(slowly(microseconds(100 * tenth)));
      yett.kill(SIGKILL);
      yett.wait();
    }
    ASSERT_TRUE(sandboxes_gone_within(1000))
        << "after " << tenth << " tenths of a millisecond: " << living_sandbox_processes();
    ASSERT_EQ(forbidden_successes(), "") << "after " << tenth << " tenths of a millisecond";
    ran += started() ? 1 : 0;
    std::filesystem::remove(volume_ + "/started");
  }
  EXPECT_GT(ran, 0) << "no kill came after the program had begun: the sweep is too short";
}

TEST_F(Death, KilledWhileRunning) {
  for (int i = 0; i < repeated(20); ++i) {
    {
      RunningProgram yett(attack(), {});
      ASSERT_TRUE(comes_true([this] { return started(); }, milliseconds(1)));
      std::this_thread::sleep_for(microseconds(250 * i));
      yett.kill(SIGKILL);
      yett.wait();
    }
    ASSERT_TRUE(sandboxes_gone_within(1000)) << living_sandbox_processes();
    ASSERT_EQ(forbidden_successes(), "");
    std::filesystem::remove(volume_ + "/started");
  }
}

// Stopped, it answers nobody: the calls wait, none is let through. Continued, all goes on; killed
// while stopped, the sandbox dies all the same.
TEST_F(Death, StoppedAtEachMomentOfTheStart) {
  static_cast<void>(slowly(microseconds(0)));
  ASSERT_TRUE(sandboxes_gone_within(1000));
  std::filesystem::remove(volume_ + "/started");
  for (int tenth = 0; tenth < 200;
       tenth += std::max(200 / repeated(40), static_cast<int>(std::min(stretch_, 10.0)))) {
    {
      RunningProgram yett(attack(), {});
      std::this_thread::sleep_for(slowly(microseconds(100 * tenth)));
      yett.kill(SIGSTOP);
      std::this_thread::sleep_for(milliseconds(20));
      yett.kill(tenth % 10 == 0 ? SIGCONT : SIGKILL);
      std::this_thread::sleep_for(milliseconds(5));
      yett.kill(SIGKILL);
      yett.wait();
    }
    ASSERT_TRUE(sandboxes_gone_within(1000)) << living_sandbox_processes();
    ASSERT_EQ(forbidden_successes(), "") << "after " << tenth << " tenths of a millisecond";
    std::filesystem::remove(volume_ + "/started");
  }
}

// The twin: the same program finds every door open where there is no guard. (Natively as root; it
// never ends by itself.)
TEST_F(Death, WithoutAGuardItTells) {
  {
    RunningProgram native({kAttacks + "/forbidden_first", volume_}, {});
    for (int i = 0; i < 1000 && forbidden_successes().find("netlink") == std::string::npos; ++i)
      std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_NE(forbidden_successes().find("unshare"), std::string::npos) << forbidden_successes();
  EXPECT_NE(forbidden_successes().find("netlink"), std::string::npos) << forbidden_successes();
}

// PID 1 is killed from outside (by the host's out-of-memory killer, say): all is gone, and yett
// says so.
TEST_F(Death, ThePlainEnds) {
  const RunResult wall = run_yett({"run", "--time", "200ms", "--", "sleep", "30"});
  EXPECT_EQ(wall.exit_status, 137) << wall.text();
  for (const int signal_number : {SIGTERM, SIGINT, SIGHUP}) {
    RunningProgram yett(yett_command({"run", "--", "sh", "-c", "echo up; exec sleep 30"}), {});
    ASSERT_TRUE(yett.wait_for_output("up", std::chrono::seconds(20)));
    yett.kill(signal_number);
    EXPECT_EQ(yett.wait().exit_status, 128 + signal_number);
    EXPECT_TRUE(sandboxes_gone_within(1000));
  }
}

}  // namespace
}  // namespace yett::test

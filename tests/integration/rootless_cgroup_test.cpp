// A rootless sandbox's limits in a cgroup that was delegated to its user: where the kernel has
// controllers in version 2, as in the guests.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tests/integration/rootless_fixture.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class DelegatedCgroup : public RootlessCase {
 protected:
  void SetUp() override {
    RootlessCase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const std::string root = "/sys/fs/cgroup";
    YETT_REQUIRE(text_of(root + "/cgroup.controllers").find("memory") != std::string::npos,
                 "cgroup v2 has no memory controller here; the guests' has");
    given_ = root + "/yett-given-" + std::to_string(::getpid());
    ASSERT_TRUE(fs::create_directory(given_));
    ASSERT_TRUE(fs::create_directory(given_ + "/shell"));
    for (const std::string& directory : {given_, given_ + "/shell"})
      for (const char* file : {"", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"})
        OrdinaryHome::give(directory + file);
  }
  void TearDown() override {
    if (given_.empty()) return;
    // The sandboxes' are their keepers' to remove, who may still be at it.
    for (int i = 0; i < 1000 && fs::exists(given_ + "/yett"); ++i) ::usleep(20'000);
    for (const char* directory : {"/shell", "/yett-supervisor", ""})
      for (int i = 0; i < 200 && ::rmdir((given_ + directory).c_str()) != 0 && errno == EBUSY; ++i)
        ::usleep(20'000);
    EXPECT_FALSE(fs::exists(given_)) << "something was left in it";
  }

  // yett run from within this cgroup.
  [[nodiscard]] RunResult run_in(const std::string& cgroup, std::vector<std::string> words) const {
    RunOptions options = home_->options();
    options.before_exec = [procs = cgroup + "/cgroup.procs"] {
      const int file = ::open(procs.c_str(), O_WRONLY | O_CLOEXEC);
      if (file < 0 || ::write(file, "0", 1) != 1) ::_exit(124);
      ::close(file);
      become_ordinary_user();
    };
    words.insert(words.begin(), {"run", "--audit", home_->path() + "/audit"});
    return run_yett(std::move(words), options);
  }
  [[nodiscard]] std::string header() const { return text_of(home_->path() + "/audit"); }

  std::string given_;
};

const char* const kHog =
    "b = []\n"
    "while True: b.append(bytearray(1 << 20)); print(len(b), flush=True)\n";

TEST_F(DelegatedCgroup, HoldsTheLimits) {
  const RunResult hog =
      run_in(given_ + "/shell", {"-m", "64M", "--cpus", "0.5", "--pids", "30", "--report",
                                 home_->path() + "/report", "--", "python3", "-c", kHog});
  EXPECT_EQ(hog.exit_status, 137) << hog.text();
  EXPECT_NE(text_of(home_->path() + "/report").find("out_of_memory"), std::string::npos);
  EXPECT_NE(header().find("cgroup-v2"), std::string::npos) << header();
  EXPECT_EQ(header().find("limits."), std::string::npos) << header();
  const std::string last = hog.out.substr(hog.out.find_last_of('\n', hog.out.size() - 2) + 1);
  EXPECT_LE(std::atoi(last.c_str()), 70) << hog.text();
  const RunResult forks = run_in(given_ + "/shell", {"--pids", "20", "--", "python3", "-c",
                                                     "import os, time\nn = 0\ntry:\n"
                                                     "  while os.fork(): n += 1\n"
                                                     "  time.sleep(60)\n"
                                                     "except OSError: print(n + 1)\n"});
  EXPECT_NEAR(std::atoi(forks.out.c_str()), 20, 2) << forks.text();
}

TEST_F(DelegatedCgroup, SwapIsHeldToo) {
  std::ofstream(home_->path() + "/p.toml")
      << "extends = \"plugin\"\n[limits]\nmemory = \"64M\"\nswap = 0\n";
  const RunResult held =
      run_in(given_ + "/shell", {"--policy", home_->path() + "/p.toml", "--", "true"});
  EXPECT_EQ(held.exit_status, 0) << held.text();
}

// Alone in it, as the program of a scope, yett goes into a leaf.
TEST_F(DelegatedCgroup, IsLeftByWhoIsAloneInIt) {
  const RunResult result = run_in(given_, {"-m", "64M", "--", "true"});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_NE(header().find("cgroup-v2"), std::string::npos) << header();
}

// The twin: a cgroup that nobody has given away. It is said, and the meter holds.
TEST_F(DelegatedCgroup, WithoutOneTheMeterHoldsAndItIsSaid) {
  const RunResult hog = run_in("/sys/fs/cgroup", {"-m", "64M", "--", "python3", "-c", kHog});
  EXPECT_EQ(hog.exit_status, 137) << hog.text();
  EXPECT_NE(header().find("limits.memory: held by the supervisor's meter: no cgroup was delegated"),
            std::string::npos)
      << header();
  EXPECT_EQ(header().find("cgroup-v2"), std::string::npos) << header();
}

// Inside nothing of it is there to change.
TEST_F(DelegatedCgroup, TheSandboxReachesNoneOfIt) {
  const RunResult result =
      run_in(given_ + "/shell",
             {"-m", "64M", "--", "sh", "-c",
              "ls /sys/fs/cgroup; cat /proc/self/cgroup; mount -t cgroup2 x /tmp; echo end"});
  EXPECT_NE(result.out.find("end\n"), std::string::npos) << result.text();
  EXPECT_EQ(result.out.find("memory.max"), std::string::npos) << result.text();
}

}  // namespace
}  // namespace yett::test

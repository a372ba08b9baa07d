// Templates that cannot fork, or do not answer: who wished hears so, and nobody else waits for it.
// docs/decisions/0053-warm-fork.md.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/await.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

// Holds one process to as many as it is.
class NoMoreProcesses {
 public:
  explicit NoMoreProcesses(int process)
      : directory_(
            (fs::exists("/sys/fs/cgroup/pids") ? "/sys/fs/cgroup/pids/" : "/sys/fs/cgroup/") +
            std::string("yett-test-wish-") + std::to_string(::getpid())) {
    std::error_code error;
    made_ = fs::create_directory(directory_, error) && allow("1") &&
            write("cgroup.procs", std::to_string(process));
  }
  NoMoreProcesses(const NoMoreProcesses&) = delete;
  NoMoreProcesses& operator=(const NoMoreProcesses&) = delete;
  // When the process has gone.
  ~NoMoreProcesses() { ::rmdir(directory_.c_str()); }

  [[nodiscard]] bool made() const { return made_; }
  [[nodiscard]] bool allow(const std::string& processes) const {
    return write("pids.max", processes);
  }

 private:
  [[nodiscard]] bool write(const std::string& file, const std::string& text) const {
    std::ofstream out(directory_ + "/" + file);
    out << text << std::flush;
    return out.good();
  }
  std::string directory_;
  bool made_ = false;
};

class WarmWish : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override {
    return "[template.warm]\noptions = [\"-m\", \"64M\", \"-v\", \"" YETT_BUILD_DIR
           "/attacks:/attacks:ro\"]\nwarm_fork = true\npool = 1\n"
           "command = [\"/attacks/warm_template\"]\n"
           "[template.cold]\noptions = [\"-m\", \"64M\"]\n";
  }
  void SetUp() override {
    // A labelled task makes no namespaces: such a template is refused.
    if (plan_of({.command = {"true"}}).lsm.labelled) GTEST_SKIP() << "this host has BPF LSM";
    DaemonFixture::SetUp();
    if (!daemon_ || !daemon_->ready()) return;
    client_.emplace(daemon_->socket());
    ASSERT_TRUE(is_pool_full("warm", 1));
    receptionist_ = find(daemon_->pid(), "yett-reception");
    ASSERT_GT(receptionist_, 0);
  }
  void TearDown() override {
    client_.reset();
    if (daemon_) DaemonFixture::TearDown();
  }
  // An instance's status, or why there is none.
  int begin() {
    if (sandbox_ == 0) sandbox_ = client_->make_sandbox("warm");
    const int program = client_->start(sandbox_, {"run", "exit 0"});
    return program > 0 ? client_->wait_for(program) : program;
  }
  // A descendant; 0: there is none of that name.
  [[nodiscard]] static int find(int process, const std::string& name) {
    std::string comm;
    std::ifstream file("/proc/" + std::to_string(process) + "/comm");
    std::getline(file, comm);
    if (comm == name) return process;
    for (const int child : children_of(process))
      if (const int found = find(child, name); found != 0) return found;
    return 0;
  }
  // What waits in the pool is the last that can be had.
  void expect_no_more() {
    EXPECT_EQ(begin(), 0);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(begin(), -EAGAIN);
  }
  // That it was answered, and not given up, the daemon's own words say.
  void expect_told(const std::string& why) {
    const RunResult stopped = daemon_->stop();
    EXPECT_EQ(stopped.exit_status, 0);
    EXPECT_NE(stopped.err.find(why), std::string::npos) << stopped.text();
    EXPECT_EQ(stopped.err.find("slow to answer"), std::string::npos) << stopped.text();
  }

  std::optional<DaemonClient> client_;
  int sandbox_ = 0;
  int receptionist_ = 0;
};

TEST_F(WarmWish, AForkThatFailsIsToldAtOnce) {
  const NoMoreProcesses held(receptionist_);
  YETT_REQUIRE(held.made(), "needs a cgroup that counts processes");
  expect_no_more();
  ASSERT_TRUE(held.allow("max"));
  EXPECT_EQ(begin(), 0);
  expect_told("Resource temporarily unavailable");
}

TEST_F(WarmWish, AnInstanceWithoutALineIsToldAtOnce) {
  rlimit before{};
  ASSERT_EQ(::prlimit(receptionist_, RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::prlimit(receptionist_, RLIMIT_NOFILE, &none, nullptr), 0);
  expect_no_more();
  ASSERT_EQ(::prlimit(receptionist_, RLIMIT_NOFILE, &before, nullptr), 0);
  EXPECT_EQ(begin(), 0);
  expect_told("Too many open files");
}

// Who does not answer at all is given up soon, is begun anew, and others are served.
TEST_F(WarmWish, WhoDoesNotAnswerHoldsUpNobodyForLong) {
  using std::chrono::steady_clock;
  ASSERT_EQ(::kill(receptionist_, SIGSTOP), 0);
  const auto began = steady_clock::now();
  EXPECT_EQ(begin(), 0);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(begin(), -EAGAIN);
  EXPECT_LT(steady_clock::now() - began, std::chrono::seconds(10)) << "and not three times five";
  DaemonClient other(daemon_->socket());
  EXPECT_EQ(other.wait_for(other.start(other.make_sandbox("cold"), {"sh", "-c", "exit 5"})), 5);
  EXPECT_TRUE(comes_true([this] { return begin() == 0; })) << "another one in its place";
}

}  // namespace
}  // namespace yett::test

// The cgroup plane on the host's own layout: v1, hybrid or v2.
#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "sandbox/guard/cgroup.hpp"
#include "sandbox/host/probe_parts.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"

namespace yett {
namespace {

namespace fs = std::filesystem;

class Cgroup : public testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "needs root");
    features_ = probe_cgroups();
    YETT_REQUIRE(features_.layout != CgroupLayout::none, "no cgroup hierarchy is mounted");
  }

  CgroupPlan plan(const char* suffix = "") {
    CgroupPlan plan;
    plan.wanted = true;
    plan.name = "yett/test-" + std::to_string(::getpid()) + suffix;
    return plan;
  }

  int directories_named(const std::string& name) {
    int count = 0;
    std::vector<std::string> mounts{features_.v2_mount};
    for (const auto& [controller, mount] : features_.v1_mounts) mounts.push_back(mount);
    for (const std::string& mount : mounts) count += fs::exists(mount + "/" + name);
    return count;
  }

  CgroupFeatures features_;
};

// Runs `body` in a child that has joined the way the launcher makes it join.
pid_t run_inside(const CgroupDir& cgroup, const std::function<int()>& body) {
  int gate[2];
  if (::pipe(gate) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    std::vector<int> files;
    for (const UniqueFd& file : cgroup.v1_task_files()) files.push_back(file.get());
    if (join_cgroups_child(files) != 0 || ::read(gate[0], &byte, 1) != 1) ::_exit(99);
    ::_exit(body());
  }
  const Status joined = cgroup.join(child);
  EXPECT_TRUE(joined) << joined.error().message();
  EXPECT_EQ(::write(gate[1], "x", 1), 1);
  ::close(gate[0]);
  ::close(gate[1]);
  return child;
}

int wait_status(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

int touch_memory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 98;
  std::memset(memory, 1, bytes);
  return 0;
}

TEST_F(Cgroup, KillsAMemoryHogAtTheLimit) {
  CgroupPlan limits = plan();
  limits.memory_bytes = 32U << 20;
  limits.swap_bytes = 0;
  Result<CgroupDir> cgroup = CgroupDir::make(limits, features_);
  ASSERT_TRUE(cgroup) << cgroup.error().message();
  const int modest = wait_status(run_inside(*cgroup, [] { return touch_memory(8U << 20); }));
  EXPECT_TRUE(WIFEXITED(modest) && WEXITSTATUS(modest) == 0) << "below the limit";
  EXPECT_EQ(cgroup->usage().oom_kills, 0U);
  const int hog = wait_status(run_inside(*cgroup, [] { return touch_memory(128U << 20); }));
  EXPECT_TRUE(WIFSIGNALED(hog) && WTERMSIG(hog) == SIGKILL);
  const CgroupUsage usage = cgroup->usage();
  EXPECT_GE(usage.oom_kills, 1U);
  if (usage.peak_memory_bytes) {
    EXPECT_GT(*usage.peak_memory_bytes, 24U << 20);
    EXPECT_LE(*usage.peak_memory_bytes, 32U << 20);
  }
}

int fork_until_refused() {
  int made = 0;
  for (; made < 50; ++made) {
    const pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  return made;
}

TEST_F(Cgroup, HoldsThePidsLimitAndKillsAllOfThem) {
  CgroupPlan limits = plan();
  limits.pids = 8;
  Result<CgroupDir> cgroup = CgroupDir::make(limits, features_);
  ASSERT_TRUE(cgroup) << cgroup.error().message();
  const int status = wait_status(run_inside(*cgroup, fork_until_refused));
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7) << "itself and seven more";
  EXPECT_GE(cgroup->usage().refused_forks, 1U);
  const Status removed = cgroup->remove();
  EXPECT_TRUE(removed) << removed.error().message();
  EXPECT_EQ(directories_named(limits.name), 0);
}

int spin(std::chrono::milliseconds duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
  }
  return 0;
}

TEST_F(Cgroup, HoldsTheCpuQuotaRoughly) {
  using namespace std::chrono_literals;
  CgroupPlan limits = plan();
  limits.cpus = 0.2;
  Result<CgroupDir> cgroup = CgroupDir::make(limits, features_);
  ASSERT_TRUE(cgroup) << cgroup.error().message();
  const pid_t child = run_inside(*cgroup, [] { return spin(1500ms); });
  rusage used{};
  int status = 0;
  ASSERT_EQ(::wait4(child, &status, 0, &used), child);
  const double seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  // An emulated processor counts as used what its host took from it.
  const double room = test::is_emulated_guest() ? 3.5 : 1.6;
  EXPECT_LT(seconds, 0.2 * 1.5 * room) << "a fifth of a processor, with room for one period";
  EXPECT_GT(cgroup->usage().cpu_us.value_or(UINT64_MAX), 50'000U);
}

TEST_F(Cgroup, RefusesALimitWhoseControllerIsMissing) {
  CgroupPlan limits = plan();
  limits.pids = 8;
  CgroupFeatures without = features_;
  without.v1_mounts.erase("pids");
  without.v2_controllers.erase("pids");
  const Result<CgroupDir> cgroup = CgroupDir::make(limits, without);
  ASSERT_FALSE(cgroup);
  EXPECT_EQ(cgroup.error().kind, ErrorKind::unsupported_host);
  EXPECT_NE(cgroup.error().message().find("pids"), std::string::npos);
  EXPECT_EQ(directories_named(limits.name), 0) << "nothing is left behind";
}

TEST_F(Cgroup, MakesNoControllerDirectoryThatNobodyAskedFor) {
  const CgroupPlan limits = plan();
  Result<CgroupDir> cgroup = CgroupDir::make(limits, features_);
  ASSERT_TRUE(cgroup) << cgroup.error().message();
  EXPECT_EQ(directories_named(limits.name), features_.v2_mount.empty() ? 0 : 1);
}

TEST_F(Cgroup, RefusesTheNameOfALivingSandbox) {
  CgroupPlan limits = plan();
  limits.pids = 8;
  const Result<CgroupDir> first = CgroupDir::make(limits, features_);
  ASSERT_TRUE(first) << first.error().message();
  const Result<CgroupDir> second = CgroupDir::make(limits, features_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::invalid_request);
  EXPECT_GT(directories_named(limits.name), 0) << "the first one's directories stay";
}

bool gone_within(const std::function<bool()>& gone, std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    if (gone()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return gone();
}

TEST_F(Cgroup, IsEmptiedAndRemovedWhenTheSupervisorIsKilled) {
  using namespace std::chrono_literals;
  CgroupPlan limits = plan("-killed");
  limits.pids = 8;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // the app's end is for this process to see
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    Result<CgroupDir> cgroup = CgroupDir::make(limits, features_);
    pid_t app = -1;
    if (cgroup) app = run_inside(*cgroup, [] { return ::pause(); });
    if (::write(ready[1], &app, sizeof app) == sizeof app) ::pause();
    ::_exit(1);
  }
  pid_t app = -1;
  ASSERT_EQ(::read(ready[0], &app, sizeof app), static_cast<ssize_t>(sizeof app));
  ASSERT_GT(app, 0);
  EXPECT_GT(directories_named(limits.name), 0);
  ::kill(supervisor, SIGKILL);
  wait_status(supervisor);
  EXPECT_TRUE(gone_within([&] { return ::waitpid(app, nullptr, WNOHANG) == app; }, 10s))
      << "the app lives on";
  EXPECT_TRUE(gone_within([&] { return directories_named(limits.name) == 0; }, 10s));
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(Cgroup, IsRemovedByTheKeeperWithoutWaiting) {
  using namespace std::chrono_literals;
  CgroupPlan limits = plan("-left");
  limits.pids = 8;
  Result<CgroupDir> cgroup = CgroupDir::make(limits, features_);
  ASSERT_TRUE(cgroup) << cgroup.error().message();
  const pid_t app = run_inside(*cgroup, [] { return ::pause(); });
  cgroup->leave_to_keeper();
  EXPECT_EQ(WTERMSIG(wait_status(app)), SIGKILL);
  EXPECT_TRUE(gone_within([&] { return directories_named(limits.name) == 0; }, 10s));
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// The pid of the keeper: the only child of this process that bears its name.
pid_t find_keeper() {
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/task")) {
    std::ifstream children(entry.path() / "children");
    for (pid_t child = 0; children >> child;) {
      std::ifstream name("/proc/" + std::to_string(child) + "/comm");
      std::string text;
      if (std::getline(name, text) && text == "yett-keeper") return child;
    }
  }
  return -1;
}

TEST_F(Cgroup, IsRemovedWithoutItsKeeper) {
  using namespace std::chrono_literals;
  CgroupPlan limits = plan("-keeperless");
  limits.pids = 8;
  Result<CgroupDir> cgroup = CgroupDir::make(limits, features_);
  ASSERT_TRUE(cgroup) << cgroup.error().message();
  ASSERT_TRUE(gone_within([] { return find_keeper() > 0; }, 10s)) << "no keeper";
  ::kill(find_keeper(), SIGKILL);
  const Status removed = cgroup->remove();
  EXPECT_TRUE(removed) << removed.error().message();
  EXPECT_EQ(directories_named(limits.name), 0);
}

TEST_F(Cgroup, SweepsWhatNobodyHolds) {
  CgroupPlan living = plan("-living");
  living.pids = 8;
  const Result<CgroupDir> other = CgroupDir::make(living, features_);
  ASSERT_TRUE(other) << other.error().message();
  const std::string dead = "yett/test-dead-" + std::to_string(::getpid());
  const std::string mount =
      features_.v2_mount.empty() ? features_.v1_mounts.at("pids") : features_.v2_mount;
  ASSERT_TRUE(fs::create_directory(mount + "/" + dead));
  EXPECT_GE(sweep_dead_cgroups(features_), 0);  // another start may have taken it before
  EXPECT_EQ(directories_named(dead), 0);
  EXPECT_GT(directories_named(living.name), 0) << "a held one stays";
}

TEST_F(Cgroup, StandsConcurrentMakingAndRemoving) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(::fork());
    if (children.back() == 0) {
      for (int round = 0; round < 50; ++round) {
        CgroupPlan limits = plan(("-" + std::to_string(i)).c_str());
        limits.name = "yett/test-race-" + std::to_string(::getppid()) + "-" + std::to_string(i);
        limits.pids = 8;
        Result<CgroupDir> cgroup = CgroupDir::make(limits, features_);
        if (!cgroup) {
          std::fprintf(stderr, "%s\n", cgroup.error().message().c_str());
          ::_exit(1);
        }
        if (!cgroup->remove()) ::_exit(2);
      }
      ::_exit(0);
    }
  }
  for (const pid_t child : children) EXPECT_EQ(wait_status(child), 0);
}

}  // namespace
}  // namespace yett

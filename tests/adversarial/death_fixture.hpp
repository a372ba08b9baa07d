// The fixture of the death tests that walk a run step by step: what to run, and what must be true
// within a second of the supervisor's death.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {

class DeathSteps : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    volume_ = work() + "/volume";
    ASSERT_EQ(::mkdir(volume_.c_str(), 0777), 0);
    ASSERT_EQ(::chmod(volume_.c_str(), 0777), 0);
    std::filesystem::create_directories(work() + "/tree");
    std::filesystem::copy(kAttacks + "/forbidden_first", work() + "/tree/forbidden_first");
    for (const char* directory : {"data", "tmp", "proc", "dev"})
      std::filesystem::create_directory(work() + "/tree/" + directory);
    package_ = work() + "/package.sqfs";
    const RunResult packed = run_yett({"pack", work() + "/tree", package_});
    ASSERT_EQ(packed.exit_status, 0) << packed.text();
    loops_before_ = photograph_host(work())["loop devices"];
  }

  // From a package, under limits: with a loop device, mounts and cgroups to lose.
  [[nodiscard]] std::vector<std::string> from_package() const {
    return yett_command({"run", "-m", "64M", "--pids", "32", "-v", volume_ + ":/data", package_,
                         "--", "/forbidden_first"});
  }
  [[nodiscard]] std::vector<std::string> from_host(const std::vector<std::string>& command) const {
    std::vector<std::string> arguments{"run", "-m",          "64M", "--pids",           "32",
                                       "-v",  kAttackVolume, "-v",  volume_ + ":/data", "--"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    return yett_command(std::move(arguments));
  }

  // What is left; empty when nothing is.
  [[nodiscard]] std::string left_over() const {
    auto host = photograph_host(work());
    std::string left = living_sandbox_processes();
    if (host["loop devices"] != loops_before_) left += "a loop device ";
    if (!cgroups_stay_ && !host["cgroups"].empty()) left += "a cgroup ";
    return left;
  }

  // `more` tells what else is left, and is asked again and again.
  void expect_all_gone(const std::string& where,
                       const std::function<std::string()>& more = nullptr) {
    const auto killed = std::chrono::steady_clock::now();
    const auto until = killed + std::chrono::milliseconds(is_emulated_guest() ? 5000 : 1000);
    const auto look = [&] {
      const std::string seen = more ? more() : std::string();
      return seen.empty() ? left_over() : seen;
    };
    std::string left = look();
    while (!left.empty() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      left = look();
    }
    EXPECT_EQ(left, "") << where;
    slowest_ = std::max(slowest_, std::chrono::steady_clock::now() - killed);
    for (const auto& entry : std::filesystem::directory_iterator(volume_)) {
      const std::string name = entry.path().filename();
      EXPECT_TRUE(name.starts_with("started")) << name << " succeeded, " << where;
      std::filesystem::remove(entry.path());
    }
    ++kills_;
  }

  // Walks go on until every place had its turns or the time is up; each place has a few.
  [[nodiscard]] bool time_left() const {
    return std::chrono::steady_clock::now() - began_ < std::chrono::seconds(20);
  }
  void TearDown() override {
    const std::chrono::duration<double, std::milli> slowest = slowest_;
    std::printf("%d kills; the slowest was over after %.0f ms\n", kills_, slowest.count());
    HostUnchanged::TearDown();
  }

  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::string volume_;
  std::string package_;
  std::string loops_before_;
  bool cgroups_stay_ = false;  // where nobody is left to clear them
  int kills_ = 0;
  std::chrono::steady_clock::duration slowest_{};
};

}  // namespace yett::test

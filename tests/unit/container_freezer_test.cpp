#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "sandbox/container/container_cgroup.hpp"

namespace yett {
namespace {

// A directory with the file of the freezer of cgroup v1: the state in it is what was written last.
class ContainerFreezer : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "yett-freezer-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    std::ofstream(directory_ + "/freezer.state") << "THAWED\n";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // As the kernel does while a task is not yet where it can stop: the order is taken, not obeyed.
  void ignore_orders() const {
    std::filesystem::remove(directory_ + "/freezer.state");
    ASSERT_EQ(::symlink("/dev/null", (directory_ + "/freezer.state").c_str()), 0);
  }

  std::string directory_;
};

TEST_F(ContainerFreezer, WritesTheOrderAndSeesItReached) {
  EXPECT_TRUE(freeze_cgroup({"/there/is/none", directory_}, true));
  EXPECT_TRUE(freeze_cgroup({directory_}, false));
}

TEST_F(ContainerFreezer, WhatEndsWhileItThawsIsThawed) {
  ignore_orders();
  const auto begin = std::chrono::steady_clock::now();
  std::thread ending([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::filesystem::remove_all(directory_);
  });
  EXPECT_TRUE(freeze_cgroup({directory_}, false));
  ending.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
  EXPECT_TRUE(freeze_cgroup({directory_}, false)) << "nor is one that had ended before";
}

TEST_F(ContainerFreezer, WhatHasEndedCannotBeFrozen) {
  std::filesystem::remove_all(directory_);
  EXPECT_FALSE(freeze_cgroup({directory_}, true));
}

TEST_F(ContainerFreezer, WhatDoesNotObeyIsAnError) {
  ignore_orders();
  EXPECT_FALSE(freeze_cgroup({directory_}, true));
}

}  // namespace
}  // namespace yett

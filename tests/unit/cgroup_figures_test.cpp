// Where a sandbox's figures are is found once, and found again where it is another place.
#include "supervisor/daemon/cgroup_figures.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace yett {
namespace {

namespace fs = std::filesystem;

class CgroupFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "yett-figures-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& directory, const std::string& file, const std::string& text) const {
    fs::create_directories(root_ + "/" + directory);
    std::ofstream(root_ + "/" + directory + "/" + file) << text;
  }
  [[nodiscard]] std::vector<std::string> hybrid(const std::string& name) const {
    return {root_ + "/unified/" + name, root_ + "/memory/" + name, root_ + "/pids/" + name,
            root_ + "/cpuacct/" + name};
  }
  void make_hybrid(const std::string& name, const std::string& bytes) const {
    write("unified/" + name, "cpu.stat", "usage_usec 77\nuser_usec 1\n");
    write("memory/" + name, "memory.usage_in_bytes", bytes + "\n");
    write("memory/" + name, "memory.limit_in_bytes", "9223372036854771712\n");
    write("pids/" + name, "pids.current", "3\n");
    write("pids/" + name, "pids.max", "16\n");
    write("cpuacct/" + name, "cpuacct.usage", "123456\n");
  }

  std::string root_;
  CgroupFiles files_;
};

TEST_F(CgroupFilesTest, OfVersionOne) {
  make_hybrid("a", "4096");
  make_hybrid("b", "8192");
  for (const auto& [name, bytes] : {std::pair("a", 4096U), {"b", 8192U}}) {
    const CgroupFigures figures = files_.read(hybrid(name));
    EXPECT_EQ(figures.memory_bytes, bytes);
    EXPECT_EQ(figures.memory_limit, 0U) << "more than any memory is no limit";
    EXPECT_EQ(figures.processes, 3U);
    EXPECT_EQ(figures.process_limit, 16U);
    EXPECT_EQ(figures.cpu_ns, 123'456U) << "by its own controller, where there is one";
  }
}

TEST_F(CgroupFilesTest, OfVersionTwo) {
  write("yett/a", "memory.current", "4096\n");
  write("yett/a", "memory.max", "max\n");
  write("yett/a", "pids.current", "2\n");
  write("yett/a", "cpu.stat", "usage_usec 77\nuser_usec 1\n");
  const CgroupFigures figures = files_.read({root_ + "/yett/a"});
  EXPECT_EQ(figures.memory_bytes, 4096U);
  EXPECT_EQ(figures.memory_limit, 0U);
  EXPECT_EQ(figures.processes, 2U);
  EXPECT_EQ(figures.process_limit, 0U);
  EXPECT_EQ(figures.cpu_ns, 77'000U);
}

// One whose directories are being removed, or lie elsewhere, teaches nothing of the others.
TEST_F(CgroupFilesTest, WhatOneHasNotOthersMayHave) {
  make_hybrid("half", "1");
  fs::remove_all(root_ + "/memory/half");
  EXPECT_EQ(files_.read(hybrid("half")).memory_bytes, 0U);
  make_hybrid("whole", "4096");
  EXPECT_EQ(files_.read(hybrid("whole")).memory_bytes, 4096U);
  EXPECT_EQ(files_.read({root_ + "/pids/whole", root_ + "/memory/whole"}).memory_bytes, 4096U);
  EXPECT_EQ(files_.read({}).memory_bytes, 0U);
  EXPECT_EQ(files_.read(hybrid("gone")).processes, 0U);
}

}  // namespace
}  // namespace yett

// Limits of a sandbox that runs: all of the new ones, or all of the old. The files of a cgroup are
// plain ones here.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "sandbox/guard/cgroup_change.hpp"

namespace yett {
namespace {

namespace fs = std::filesystem;

class CgroupChanges : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "yett-limits-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    write("memory.max", "64");
    write("memory.current", "40");
    write("pids.max", "10");
    write("cpu.max", "100000 100000");
  }
  void TearDown() override { fs::remove_all(directory_); }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(directory_ + "/" + file) << text;
  }
  [[nodiscard]] std::string read(const std::string& file) const {
    std::string text;
    std::getline(std::ifstream(directory_ + "/" + file), text);
    return text;
  }
  static CgroupPlan plan(std::uint64_t memory, std::uint64_t pids, double cpus) {
    CgroupPlan plan;
    plan.memory_bytes = memory;
    plan.pids = pids;
    plan.cpus = cpus;
    return plan;
  }
  [[nodiscard]] Result<CgroupChange> apply(const CgroupPlan& after) const {
    return CgroupChange::apply({"/nowhere", directory_}, plan(64, 10, 1), after);
  }
  std::string directory_;
};

TEST_F(CgroupChanges, StayWhenKeptAndGoBackElse) {
  for (const bool kept : {false, true}) {
    {
      auto change = apply(plan(72, 10, 0.5));
      ASSERT_TRUE(change) << change.error().message();
      EXPECT_EQ(read("memory.max"), "72");
      if (kept) change->keep();
    }
    EXPECT_TRUE(read("memory.max").starts_with(kept ? "72" : "64")) << read("memory.max");
    EXPECT_TRUE(read("cpu.max").starts_with(kept ? "50000 " : "100000 ")) << read("cpu.max");
    EXPECT_EQ(read("pids.max"), "10");
  }
}

// swap-whole
TEST_F(CgroupChanges, AFailureLeavesNothingChanged) {
  fs::remove(directory_ + "/cpu.max");
  const auto change = apply(plan(72, 9, 0.5));
  ASSERT_FALSE(change);
  EXPECT_NE(change.error().message().find("cpu"), std::string::npos) << change.error().message();
  EXPECT_TRUE(read("memory.max").starts_with("64"));
  EXPECT_TRUE(read("pids.max").starts_with("10"));
}

TEST_F(CgroupChanges, LessMemoryThanIsUsedIsRefused) {
  EXPECT_FALSE(apply(plan(39, 10, 1)));
  EXPECT_EQ(read("memory.max"), "64");
  EXPECT_TRUE(apply(plan(41, 10, 1)));
}

}  // namespace
}  // namespace yett

// Which cgroup is the caller's to divide: files that look like a hierarchy of version 2.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "sandbox/host/delegated_cgroup.hpp"

namespace yett {
namespace {

namespace fs = std::filesystem;

class Delegated : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "yett-cgroups-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    mount_ = path;
  }
  void TearDown() override { fs::remove_all(mount_); }

  void make(const std::string& path, const std::string& members = "") const {
    fs::create_directories(mount_ + path);
    std::ofstream(mount_ + path + "/cgroup.procs") << members;
    std::ofstream(mount_ + path + "/cgroup.subtree_control");
    std::ofstream(mount_ + path + "/cgroup.controllers") << "cpu memory pids\n";
  }
  [[nodiscard]] DelegatedCgroup found(const std::string& own) const {
    return find_delegated_cgroup(mount_, own, 7);
  }

  std::string mount_;
};

TEST_F(Delegated, IsTheOneWhoseParentIsSomebodyElses) {
  make("/given");
  make("/given/shell", "7\n9\n");
  const DelegatedCgroup cgroup = found("/given/shell");
  EXPECT_EQ(cgroup.features.v2_mount, mount_ + "/given") << cgroup.missing;
  EXPECT_EQ(cgroup.features.layout, CgroupLayout::v2);
  EXPECT_TRUE(cgroup.features.v2_controllers.contains("memory"));
  EXPECT_EQ(cgroup.features.v2_controllers.size(), 3U);
  EXPECT_FALSE(cgroup.holds_the_caller);
}

TEST_F(Delegated, TheCallerAloneInItMayMoveOutOfIt) {
  make("/given", "7\n");
  EXPECT_TRUE(found("/given").holds_the_caller);
  make("/given", "7\n8\n");
  const DelegatedCgroup shared = found("/given");
  EXPECT_EQ(shared.features.layout, CgroupLayout::none);
  EXPECT_NE(shared.missing.find("other processes are in"), std::string::npos) << shared.missing;
}

TEST_F(Delegated, WhatSystemdManagesIsNotTheCallers) {
  make("/user.service");
  make("/user.service/init.scope", "3\n");
  make("/user.service/app.slice");
  make("/user.service/app.slice/a.scope", "7\n");
  const DelegatedCgroup managed = found("/user.service/app.slice/a.scope");
  EXPECT_EQ(managed.features.layout, CgroupLayout::none);
  EXPECT_NE(managed.missing.find("systemd-run --user --scope"), std::string::npos);
}

TEST_F(Delegated, WithoutOneItIsSaid) {
  fs::create_directory(mount_ + "/roots");
  EXPECT_NE(found("/roots").missing.find("no cgroup was delegated"), std::string::npos);
  EXPECT_NE(found("/").missing, "");
}

}  // namespace
}  // namespace yett

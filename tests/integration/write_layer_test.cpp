// Layers of what was changed in a root, without a sandbox: their names, and whose files are whose.
#include "runsc-like/images/write_layer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/require.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class WriteLayer : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = "/tmp/yett-layer-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    fs::create_directory(root());
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string root() const { return directory_ + "/root"; }
  [[nodiscard]] std::string layer(const std::string& name) const {
    return directory_ + "/layer" + name;
  }
  void write_file(const std::string& name, const std::string& text) const {
    std::ofstream(root() + "/" + name) << text;
  }
  // Of the root as it is; all of it is new.
  [[nodiscard]] WrittenLayer write(Owners owners = Owners::one_user) const {
    const UniqueFd from(::open(root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    fs::remove_all(layer(""));
    fs::create_directory(layer(""));
    const UniqueFd into(::open(layer("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto changes =
        find_changes({.before = BorrowedFd(-1), .after = from.borrow(), .mount_points = {}});
    EXPECT_TRUE(changes);
    UnpackBounds bounds;
    auto written = write_layer(from.borrow(), *changes, owners, into.borrow(), bounds);
    EXPECT_TRUE(written) << written.error().message();
    return written ? *written : WrittenLayer();
  }
  [[nodiscard]] mode_t mode_in_layer(const std::string& name) const {
    struct stat status{};
    return ::stat(layer("/" + name).c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }

  std::string directory_;
};

// A file whose end looks like what comes after it is another tree, and has another digest.
TEST_F(WriteLayer, NoTwoTreesHaveTheSameDigest) {
  write_file("a", "");
  fs::create_symlink("sixteen letters.2:31", root() + "/b");
  const std::string one = write().digest;
  EXPECT_EQ(write().digest, one);
  fs::remove(root() + "/b");
  write_file("a", "1:04:link1:b20:sixteen letters.");
  EXPECT_NE(write().digest, one);
}

// SECURITY(commit-private)
TEST_F(WriteLayer, WhatSeveralUsersKeepFromOneAnotherStaysClosed) {
  YETT_REQUIRE(::geteuid() == 0, "only root gives files away");
  for (const char* name : {"of-root", "of-user", "shared"}) write_file(name, "x");
  fs::create_directory(root() + "/home");
  for (const char* name : {"of-root", "of-user", "home"})
    ASSERT_EQ(::chmod((root() + "/" + name).c_str(), 0700), 0);
  for (const char* name : {"of-user", "shared", "home"})
    ASSERT_EQ(::chown((root() + "/" + name).c_str(), 1000, 1000), 0);
  ASSERT_EQ(::chmod((root() + "/shared").c_str(), 0644), 0);

  EXPECT_TRUE(write(Owners::several).opened.empty());
  for (const char* name : {"of-root", "of-user", "home"}) EXPECT_EQ(mode_in_layer(name), 0700);
  EXPECT_EQ(mode_in_layer("shared"), 0644);

  // The twin: one user's are the next one's, and that is told.
  EXPECT_EQ(write(Owners::one_user).opened, std::vector<std::string>{"/of-user"});
  EXPECT_EQ(mode_in_layer("of-root"), 0700);
  EXPECT_EQ(mode_in_layer("of-user"), 0707);
  EXPECT_EQ(mode_in_layer("home"), 0707);
  EXPECT_EQ(mode_in_layer("shared"), 0646);
}

}  // namespace
}  // namespace yett::test

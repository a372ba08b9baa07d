// A store of images of the test's own, archives to fill it with (make_archives.py), and a store of
// sandboxes.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {

class ImagesFixture : public ::testing::Test {
 protected:
  // Of make_archives.py; none: all.
  explicit ImagesFixture(std::vector<std::string> groups = {}) : groups_(std::move(groups)) {}
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "sandboxes need root");
    YETT_REQUIRE(::access("/bin/busybox", X_OK) == 0, "busybox is not installed");
    std::string path = "/tmp/yett-images-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    std::vector<std::string> make{"python3", YETT_SOURCE_DIR "/tests/integration/make_archives.py",
                                  directory_ + "/in"};
    make.insert(make.end(), groups_.begin(), groups_.end());
    RunOptions patient;
    patient.timeout *= 5;  // it compresses, on a machine that may be loaded
    const RunResult made = run_program(make, patient);
    ASSERT_EQ(made.exit_status, 0) << made.text();
  }
  void TearDown() override {
    if (directory_.empty()) return;
    const RunResult ended = yett({"shutdown", "-t", "0", "--rm"});
    EXPECT_EQ(ended.exit_status, 0) << ended.text();
    std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] std::string in(const std::string& name) const { return directory_ + "/in/" + name; }
  [[nodiscard]] std::string store() const { return directory_ + "/store"; }
  // With a store of sandboxes of the test's own.
  [[nodiscard]] RunResult yett(std::vector<std::string> words, RunOptions options = {}) const {
    words.insert(words.begin(), {"--root", directory_ + "/state"});
    return run_yett(std::move(words), std::move(options));
  }
  [[nodiscard]] RunResult images(std::vector<std::string> words) const {
    words.insert(words.begin(), {"images", "--image-root", store()});
    return run_yett(std::move(words));
  }
  [[nodiscard]] RunResult run(std::vector<std::string> words, RunOptions options = {}) const {
    words.insert(words.begin(), {"run", "--image-root", store()});
    return run_yett(std::move(words), std::move(options));
  }
  void import_well(const std::string& file, const std::string& name) const {
    const RunResult imported = images({"import", in(file), name});
    ASSERT_EQ(imported.exit_status, 0) << imported.text();
  }
  [[nodiscard]] std::size_t layers() const {
    if (!std::filesystem::exists(store() + "/layers")) return 0;
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(store() + "/layers"),
                      std::filesystem::directory_iterator()));
  }

  std::string directory_;
  std::vector<std::string> groups_;
};

}  // namespace yett::test

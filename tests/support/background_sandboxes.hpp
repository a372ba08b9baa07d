// Sandboxes in the background, in a state directory of the test's own; none is left at its end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {

class BackgroundSandboxes : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "sandboxes need root");
    std::string path = "/tmp/yett-sandboxes-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override {
    if (directory_.empty()) return;
    const RunResult ended = yett({"shutdown", "-t", "0", "--rm"});
    EXPECT_EQ(ended.exit_status, 0) << ended.text();
    EXPECT_EQ(yett({"ps", "-aq"}).out, "");
    std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] std::string root() const { return directory_ + "/state"; }
  [[nodiscard]] RunResult yett(std::vector<std::string> words, RunOptions options = {}) const {
    words.insert(words.begin(), {"--root", root()});
    return run_yett(std::move(words), std::move(options));
  }
  // `run -d` with these, and what must be behind it.
  [[nodiscard]] RunResult start(std::vector<std::string> words) const {
    words.insert(words.begin(), {"run", "--root", root(), "-d"});
    return run_yett(std::move(words));
  }
  void start_well(std::vector<std::string> words) const {
    const RunResult started = start(std::move(words));
    ASSERT_EQ(started.exit_status, 0) << started.text();
  }
  [[nodiscard]] std::string state_text(const std::string& id) const {
    std::ifstream file(root() + "/" + id + "/state.json");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // 0: none is put down.
  [[nodiscard]] int supervisor_of(const std::string& id) const {
    const std::string text = state_text(id);
    const std::string key = "\"supervisor\":";
    const std::size_t at = text.find(key);
    return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + key.size());
  }

  std::string directory_;
};

}  // namespace yett::test

// Yett as an ordinary user of a host where such users may make user namespaces.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/ordinary_user.hpp"
#include "tests/support/require.hpp"

namespace yett::test {

class RootlessCase : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "only root can become an ordinary user");
    home_.emplace();
    const RunResult probe = as_user({"unshare", "-U", "true"});
    YETT_REQUIRE(probe.exit_status == 0, "ordinary users may not make user namespaces here");
  }

  [[nodiscard]] RunResult as_user(std::vector<std::string> command) const {
    return run_program(std::move(command), home_->options());
  }
  // yett run, with these words behind it.
  [[nodiscard]] RunResult run(std::vector<std::string> words) const {
    words.insert(words.begin(), "run");
    return run_yett(std::move(words), home_->options());
  }
  [[nodiscard]] RunResult shell(const std::string& script) const {
    return run({"--", "sh", "-c", script});
  }
  [[nodiscard]] std::string policy(const std::string& text) const {
    std::ofstream(home_->path() + "/p.toml") << "extends = \"plugin\"\n" << text;
    return home_->path() + "/p.toml";
  }
  [[nodiscard]] std::string directory(const std::string& name) const {
    const std::string path = home_->path() + "/" + name;
    std::filesystem::create_directory(path);
    OrdinaryHome::give(path);
    return path;
  }
  [[nodiscard]] static std::string text_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  std::optional<OrdinaryHome> home_;
};

}  // namespace yett::test

// `yett run` by an ordinary user to whom no namespace is given, as inside an ordinary container.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "tests/support/docker_filter.hpp"
#include "tests/support/ordinary_user.hpp"
#include "tests/support/require.hpp"

namespace yett::test {

class FallbackCase : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "only root can become an ordinary user");
    home_.emplace();
    options_ = home_->options();
    options_.environment.push_back("TMPDIR=" + home_->path() + "/run");
    const RunResult probe = run({"--", "true"});
    YETT_REQUIRE_OF_KERNEL(probe.err.find("Landlock") == std::string::npos,
                           "Landlock is too old here");
  }

  [[nodiscard]] RunOptions in_a_container() const {
    RunOptions options = options_;
    options.before_exec = [] {
      confine_as_in_a_container();
      become_ordinary_user();
    };
    return options;
  }
  // yett run, with these words behind it.
  [[nodiscard]] RunResult run(std::vector<std::string> words) const {
    words.insert(words.begin(), "run");
    return run_yett(std::move(words), in_a_container());
  }
  [[nodiscard]] RunResult shell(const std::string& script) const {
    return run({"--", "sh", "-c", script});
  }
  [[nodiscard]] RunResult python(const std::string& script) const {
    return run({"--", "python3", "-c", script});
  }
  [[nodiscard]] RunResult as_user(std::vector<std::string> command) const {
    return run_program(std::move(command), in_a_container());
  }
  [[nodiscard]] std::string policy(const std::string& text) const {
    std::ofstream(home_->path() + "/p.toml") << "extends = \"plugin\"\n" << text;
    return home_->path() + "/p.toml";
  }
  std::string directory(const std::string& name) const {
    const std::string path = home_->path() + "/" + name;
    std::filesystem::create_directory(path);
    OrdinaryHome::give(path);
    return path;
  }
  // Of the user, with these words in it.
  std::string file(const std::string& name, const std::string& text) const {
    const std::string path = home_->path() + "/" + name;
    std::ofstream(path) << text;
    OrdinaryHome::give(path);
    return path;
  }
  [[nodiscard]] static std::string text_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  std::optional<OrdinaryHome> home_;
  RunOptions options_;
};

}  // namespace yett::test

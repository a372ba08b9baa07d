// A sandbox with a name, in front, whose state, policy and audit log lie in one directory.
#pragma once

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/yett_runner.hpp"

namespace yett::test {

class NamedSandbox {
 public:
  [[nodiscard]] RunningProgram& program() { return *program_; }
  [[nodiscard]] std::string audit() const {
    std::stringstream text;
    text << std::ifstream(directory_ + "/audit").rdbuf();
    return text.str();
  }
  [[nodiscard]] std::string root() const { return directory_ + "/state"; }

 protected:
  // `directory`: the caller removes it.
  NamedSandbox(std::string directory, std::string name)
      : directory_(std::move(directory)), name_(std::move(name)) {}
  void start(const std::string& policy_file, const std::vector<std::string>& flags,
             const std::vector<std::string>& command, RunOptions options) {
    std::vector<std::string> words{"run",       "--root",  root(),
                                   "--name",    name_,     "--policy",
                                   policy_file, "--audit", directory_ + "/audit"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.emplace_back("--");
    words.insert(words.end(), command.begin(), command.end());
    program_ = std::make_unique<RunningProgram>(yett_command(std::move(words)), std::move(options));
  }
  // Of those in its state directory.
  [[nodiscard]] std::string socket(const std::string& what) const {
    return root() + "/" + name_ + "/" + what;
  }
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
  std::string name_;
  std::unique_ptr<RunningProgram> program_;
};

}  // namespace yett::test

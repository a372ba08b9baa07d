// A sandbox whose policy asks, in front, and the commands that answer.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/named_sandbox.hpp"

namespace yett::test {

class AskingSandbox : public NamedSandbox {
 public:
  struct How {
    std::string within;              // files.ask, one tree
    std::string time = "30s";        // ask_time
    std::string deny;                // files.deny, one path
    std::vector<std::string> flags;  // of yett run
    std::chrono::milliseconds timeout = RunOptions{}.timeout;
  };

  // `directory`: for the state, the policy and the audit log; the caller removes it.
  AskingSandbox(std::string directory, const How& how, const std::vector<std::string>& command)
      : NamedSandbox(std::move(directory), kName) {
    const std::string policy = this->directory() + "/ask.toml";
    std::ofstream(policy) << "extends = \"plugin\"\n[files]\nask = [\"" << how.within << "\"]\n"
                          << (how.deny.empty() ? "" : "deny = [\"" + how.deny + "\"]\n") << "[on]\n"
                          << "violation = \"ask\"\nask_time = \"" << how.time << "\"\n";
    start(policy, how.flags, command, RunOptions{.timeout = how.timeout});
  }

  [[nodiscard]] RunResult grant(std::vector<std::string> words) const {
    words.insert(words.begin(), {"--root", root(), "grant"});
    return run_yett(std::move(words));
  }
  [[nodiscard]] RunResult answer(int question, const std::string& words) const {
    return grant({kName, std::to_string(question), words});
  }
  // JSON; as soon as `text` is in it. Empty after 20 s.
  [[nodiscard]] std::string await_questions(const std::string& text) const {
    for (int i = 0; i < 400; ++i) {
      RunResult listed = grant({"--json", kName});
      if (listed.out.find(text) != std::string::npos) return std::move(listed.out);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return {};
  }
  [[nodiscard]] static std::string number(int question) {
    return "{\"question\":" + std::to_string(question) + ",";
  }
  void answer_when_asked(int question, const std::string& words) const {
    ASSERT_NE(await_questions(number(question)), "") << "question " << question;
    const RunResult answered = answer(question, words);
    EXPECT_EQ(answered.exit_status, 0) << answered.text();
  }

  [[nodiscard]] std::string socket_path() const { return socket("grant"); }
  static constexpr const char* kName = "asking";
};

}  // namespace yett::test

// Processes that a test knows again by words of their command lines, wherever they came to be.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/yett_runner.hpp"

namespace yett::test {

inline std::vector<int> processes_with(const std::string& words) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    std::stringstream text;
    if (pid > 0) text << std::ifstream(entry.path() / "cmdline").rdbuf();
    if (text.str().find(words) != std::string::npos) found.push_back(pid);
  }
  return found;
}

inline constexpr int kBombLimit = 60;

// As many as can be, and who is there stays.
inline constexpr const char* kPlainBomb =
    "while True:\n"
    "  try: os.fork()\n"
    "  except OSError: pass\n";
// Each makes two and ends: what it leaves goes to others while it is counted.
inline constexpr const char* kDyingBomb =
    "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    "if os.fork(): signal.pause()\n"
    "while True:\n"
    "  try:\n"
    "    if os.fork() and os.fork(): os._exit(0)\n"
    "  except OSError: pass\n";

// Of `yett`: a fork bomb under that limit, for some seconds.
inline std::vector<std::string> bomb_command(const std::string& mode, const std::string& mark,
                                             const std::string& bomb = kPlainBomb) {
  return {"run",
          "--mode",
          mode,
          "--pids",
          std::to_string(kBombLimit),
          "--time",
          is_emulated_guest() ? "12s" : "6s",
          "--",
          "python3",
          "-c",
          "import os, signal  # " + mark + "\n" + bomb};
}

// Counted from outside until its end; the supervisor and the first process are among them.
inline void expect_bomb_is_held(RunningProgram& bomb, const std::string& mark) {
  std::size_t most = 0;
  std::size_t now = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do {
    now = processes_with(mark).size();
    most = std::max(most, now);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  } while ((most < 3 || now > 0) && std::chrono::steady_clock::now() < until);
  EXPECT_EQ(bomb.wait().exit_status, 137);
  EXPECT_LE(most, kBombLimit * 1.1 + 2);
  EXPECT_GE(most, kBombLimit * 0.5);
  EXPECT_TRUE(processes_with(mark).empty());
}

}  // namespace yett::test

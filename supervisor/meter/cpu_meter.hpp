// Holds a sandbox to a share of the processors where no cgroup does: its processes are stopped for
// as long as what they have used is more than their share, and then continue. What is counted is
// what the kernel shows of each process and of those that it has waited for (proc_pid_stat(5)).
// docs/decisions/0038-cpu-without-cgroup.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "supervisor/meter/sandbox_processes.hpp"

namespace yett {

// The arithmetic of it, apart from clocks and processes. Times in seconds; one processor's.
class CpuBudget {
 public:
  explicit CpuBudget(double cpus) : cpus_(cpus) {}

  // `elapsed` since the last look, in which `used` was used.
  void account(double elapsed, double used);
  // The same where all stood still at the last look already.
  void account_standing(double elapsed, double used);
  // How long the sandbox stands still from now on; 0: it runs.
  [[nodiscard]] double pause() const;
  // It goes on in spite of being stopped.
  [[nodiscard]] bool is_beyond_holding() const;

 private:
  double cpus_;
  double debt_ = 0;     // used beyond the share; below 0: what may be used at once
  double escaped_ = 0;  // used while all stood still
};

class CpuMeter {
 public:
  struct Look {
    bool over = false;  // it cannot be held: all of it is to be killed
    std::chrono::microseconds next{};
  };

  CpuMeter(SandboxProcesses processes, double cpus);

  [[nodiscard]] Look look();

 private:
  struct Seen {
    std::uint64_t ticks = 0;
    std::uint64_t started = 0;  // of the process: a pid alone is not one
    bool stopped_by_us = false;
  };
  double count(double elapsed);
  void stop_all();
  void continue_all();

  SandboxProcesses processes_;
  CpuBudget budget_;
  std::map<int, Seen> seen_;  // by pid inside, so that parents are stopped before their children
  std::chrono::steady_clock::time_point last_;
  int standing_ = 0;  // looks at which all was stopped, one after the other
};

}  // namespace yett

// The machine as a sandbox's limits make it: what its cgroup uses now, within what it may use.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// Bytes, of the memory that the sandbox may have.
struct MemoryFigures {
  std::uint64_t total = 0;
  std::uint64_t used = 0;  // page cache included
  std::uint64_t swap_total = 0;
  std::uint64_t swap_used = 0;
  std::string by_kind;  // memory.stat of its cgroup, either version's
};

struct CpuFigures {
  std::vector<unsigned> shown;  // numbers of the host's CPUs, ascending
  std::uint64_t user_us = 0;    // of all of them together
  std::uint64_t system_us = 0;
  std::array<double, 3> load{};  // CPUs in use on the average of 1, 5 and 15 minutes
};

struct MachineFigures {
  MemoryFigures memory;
  CpuFigures cpu;
  double age_s = 0;  // of the sandbox
  std::uint64_t processes = 1;
  std::uint64_t host_booted_s =
      0;  // since the epoch: what start times in /proc/PID/stat count from
};

// A file of the sandbox's cgroup by name, whichever hierarchy keeps it; empty: none does.
using CgroupText = std::function<std::string(const char* file)>;

// Gathers the figures; keeps what they need of earlier ones.
class MachineGauge {
 public:
  // `plan` says the limits. The sandbox's age counts from here.
  explicit MachineGauge(const SandboxPlan& plan);
  // Other limits, from now on.
  void take_limits(const SandboxPlan& plan);
  [[nodiscard]] MachineFigures look(const CgroupText& cgroup);

 private:
  [[nodiscard]] MemoryFigures look_at_memory(const CgroupText& cgroup) const;
  [[nodiscard]] CpuFigures look_at_cpu(const CgroupText& cgroup);

  std::uint64_t memory_limit_ = 0;  // 0: the host's
  std::uint64_t swap_limit_ = 0;    // UINT64_MAX: the host's
  std::vector<unsigned> shown_;
  std::int64_t began_ns_;
  std::int64_t looked_ns_;
  std::uint64_t used_us_ = 0;
  std::array<double, 3> load_{};
};

// The lowest `count` numbers of CPUs that the calling thread may run on; 0: all of them.
[[nodiscard]] std::vector<unsigned> first_cpus(unsigned count);

}  // namespace yett

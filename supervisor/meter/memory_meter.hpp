// Counts what a sandbox holds in memory where no cgroup does: a user without rights has none. What
// is counted is what the kernel would charge to its processes: anonymous memory, shared memory and
// what of both is swapped out, each page once (proc_pid_smaps(5), Pss). Not counted: page tables,
// pipes and sockets, and files in the sandbox's tmpfs, which have their own bound.
#pragma once

#include <chrono>
#include <cstdint>

#include "supervisor/meter/sandbox_processes.hpp"

namespace yett {

class MemoryMeter {
 public:
  struct Look {
    std::uint64_t bytes = 0;  // at least what it holds, and exactly where that is over the limit
    std::uint64_t processes = 0;
    bool over = false;  // all of its processes have been killed
    // When to look again: before the limit can be passed by a tenth, at the pace at which a kernel
    // gives pages out.
    std::chrono::microseconds next{};
  };

  MemoryMeter(SandboxProcesses processes, std::uint64_t limit_bytes);

  [[nodiscard]] Look look();

 private:
  [[nodiscard]] std::uint64_t count(std::uint64_t& processes);
  [[nodiscard]] std::uint64_t count_each_once(std::uint64_t cheap, std::uint64_t processes);

  SandboxProcesses processes_;
  std::uint64_t limit_bytes_;
  std::uint64_t shared_bytes_ = 0;     // that the cheap figure counted too much, when last compared
  std::uint64_t known_processes_ = 0;  // at that time
};

}  // namespace yett

// Counts what a sandbox holds in memory where no cgroup does: a user without rights has none. What
// is counted is what the kernel would charge to its processes: anonymous memory, shared memory and
// what of both is swapped out, each page once (proc_pid_smaps(5), Pss). Not counted: page tables,
// pipes and sockets, and files in the sandbox's tmpfs, which have their own bound.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

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

  // `init`: the sandbox's first process, whose root is mounted and which nothing of the app's has
  // run in yet: its /proc is opened through it. The calling thread, which is to look, is scheduled
  // in short turns from here on. Error: it may not be looked at.
  [[nodiscard]] static Result<MemoryMeter> open(int init, std::uint64_t limit_bytes);

  // The same of the processes below `first`, of the caller's own /proc: where the sandbox has no
  // pid namespace.
  [[nodiscard]] static Result<MemoryMeter> open_below(int first, std::uint64_t limit_bytes);

  [[nodiscard]] Look look();

 private:
  MemoryMeter(UniqueFd proc, int below, std::uint64_t limit_bytes)
      : proc_(std::move(proc)), below_(below), limit_bytes_(limit_bytes) {}

  [[nodiscard]] std::uint64_t count(std::uint64_t& processes);
  [[nodiscard]] std::uint64_t count_each_once(std::uint64_t cheap, std::uint64_t processes);

  UniqueFd proc_;
  int below_ = 0;  // 0: all of /proc
  std::uint64_t limit_bytes_;
  std::uint64_t shared_bytes_ = 0;     // that the cheap figure counted too much, when last compared
  std::uint64_t known_processes_ = 0;  // at that time
};

}  // namespace yett

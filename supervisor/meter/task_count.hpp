// How many tasks a sandbox without a cgroup and a user namespace may have: asked before each fork.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

namespace yett {

class TaskCount {
 public:
  // Of the processes below `first`; at most `limit` tasks.
  TaskCount(int first, std::uint64_t limit) : first_(first), limit_(limit) {}

  // May `thread`, which waits for the answer, make another task? Of several threads.
  [[nodiscard]] bool admit(int thread);

 private:
  using Clock = std::chrono::steady_clock;
  struct Admitted {
    int thread;
    std::uint64_t turns;  // on a processor, when it was let go
  };
  [[nodiscard]] bool has_room();

  int first_;
  std::uint64_t limit_;
  std::mutex lock_;
  std::uint64_t known_ = 0;         // when last looked
  std::vector<Admitted> admitted_;  // since then, or not yet seen to have run
  Clock::time_point full_{};        // when there was last no room
};

}  // namespace yett

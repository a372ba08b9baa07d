// How many tasks a sandbox without a cgroup and a user namespace may have: asked before each fork.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace yett {

class TaskCount {
 public:
  // Of the processes below `first`; at most `limit` tasks.
  TaskCount(int first, std::uint64_t limit) : first_(first), limit_(limit) {}

  // May `thread`, which waits for the answer, make another task? If so, `let_run` answers it. Of
  // several threads: one after the other, until it is answered.
  [[nodiscard]] bool admit(int thread, const std::function<void()>& let_run);

 private:
  using Clock = std::chrono::steady_clock;
  struct Admitted {
    int thread;
    std::optional<std::uint64_t> ticks;  // on a processor, when first looked at after the answer
  };
  void settle();
  [[nodiscard]] static bool may_still_fork(Admitted& admitted);
  [[nodiscard]] bool has_room();

  int first_;
  std::uint64_t limit_;
  std::mutex lock_;
  // At least as many as there are: what was counted, and all that were admitted since. 0: not yet.
  std::uint64_t known_ = 0;
  std::vector<Admitted> admitted_;  // whose task may not be there yet
  Clock::time_point full_{};        // when there was last no room
};

}  // namespace yett

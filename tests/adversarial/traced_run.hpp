// A `yett run` that stands still at each system call of its supervisor and, if wanted, of the child
// that becomes PID 1: so that a test can kill the supervisor at a place it can name. ptrace(2) does
// it from outside; the program has no switch for this.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ioctl_uapi/launch_protocol.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {

enum class Follow { supervisor, child_too };

// Where a task stands: before (entry) or after a system call.
struct Stop {
  pid_t task = 0;
  bool in_supervisor = false;
  bool entry = false;
  std::uint64_t call = 0;
  std::array<std::uint64_t, 6> arguments{};  // of entries
  std::int64_t result = 0;                   // of exits
};

class TracedRun {
 public:
  TracedRun(std::vector<std::string> argv, Follow follow);
  TracedRun(const TracedRun&) = delete;
  TracedRun& operator=(const TracedRun&) = delete;
  ~TracedRun();

  // Lets the task of the last stop go on, until one stands. nullopt: the supervisor has ended.
  [[nodiscard]] std::optional<Stop> next();
  // The step of the launch that the child is in, of a stop of the child.
  [[nodiscard]] std::optional<ChildStep> step_of(pid_t task);
  // Bytes of a stopped task's memory.
  [[nodiscard]] bool read_memory(pid_t task, std::uint64_t address, void* into,
                                 std::size_t size) const;
  // kill -9, here and now; everybody else goes on untraced, each from its next stop on.
  void kill_supervisor();
  // Lets go of those who stopped since, and reaps those who ended: a traced process that nobody
  // waits for does not vanish. To be called again and again while one waits for something.
  void let_go();

 private:
  [[nodiscard]] std::optional<Stop> on_stop(pid_t task, int status);
  void on_new_task(pid_t task);
  void resume(pid_t task, int signal_number);

  RunningProgram program_;
  Follow follow_;
  std::set<pid_t> traced_;  // those whose first stop is over
  pid_t stopped_ = 0;
  std::uint64_t page_address_ = 0;  // of the launch page, in parent and child alike
};

}  // namespace yett::test

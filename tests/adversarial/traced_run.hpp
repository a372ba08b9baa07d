// A `yett run` whose supervisor stands still before and after each system call: so that a test can
// kill it at a place it can name. ptrace(2) does it from outside; the program has no switch for
// this.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/yett_runner.hpp"

namespace yett::test {

// Where the supervisor stands: before (entry) or after a system call.
struct Stop {
  bool entry = false;
  pid_t thread = 0;
  std::uint64_t call = 0;
  std::array<std::uint64_t, 6> arguments{};  // of entries
  std::int64_t result = 0;                   // of exits
};

// Whose calls. From the first call on that touches the program's memory, another thread answers.
enum class Threads { first, all };

class TracedRun {
 public:
  explicit TracedRun(std::vector<std::string> argv, Threads threads = Threads::first);
  TracedRun(const TracedRun&) = delete;
  TracedRun& operator=(const TracedRun&) = delete;
  ~TracedRun();

  // Lets the thread that stands go on, until one stands again. nullopt: the supervisor has ended.
  [[nodiscard]] std::optional<Stop> next();
  // Bytes of its memory, while it stands.
  [[nodiscard]] bool read_memory(std::uint64_t address, void* into, std::size_t size) const;
  // To what follows the call of `before`, by the same thread. nullopt as above.
  [[nodiscard]] std::optional<Stop> finish(const Stop& before);
  // SIGSTOP, here and now: after it the supervisor can only be killed. True: it has stopped.
  [[nodiscard]] bool stop_supervisor();
  // kill -9, here and now.
  void kill_supervisor();

 private:
  [[nodiscard]] Stop read_stop() const;

  RunningProgram program_;
  std::set<pid_t> known_;  // threads whose first stop is over
  pid_t stands_ = 0;
  bool ended_ = false;
};

}  // namespace yett::test

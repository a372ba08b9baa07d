// A `yett run` whose supervisor stands still before and after each system call: so that a test can
// kill it at a place it can name. ptrace(2) does it from outside; the program has no switch for
// this.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/yett_runner.hpp"

namespace yett::test {

// Where the supervisor stands: before (entry) or after a system call.
struct Stop {
  bool entry = false;
  std::uint64_t call = 0;
  std::array<std::uint64_t, 6> arguments{};  // of entries
  std::int64_t result = 0;                   // of exits
};

class TracedRun {
 public:
  explicit TracedRun(std::vector<std::string> argv);
  TracedRun(const TracedRun&) = delete;
  TracedRun& operator=(const TracedRun&) = delete;
  ~TracedRun();

  // Lets the supervisor's first thread go on, until it stands again. nullopt: it has ended.
  [[nodiscard]] std::optional<Stop> next();
  // Bytes of its memory, while it stands.
  [[nodiscard]] bool read_memory(std::uint64_t address, void* into, std::size_t size) const;
  // kill -9, here and now.
  void kill_supervisor();

 private:
  [[nodiscard]] Stop read_stop() const;

  RunningProgram program_;
  bool stands_ = false;
};

}  // namespace yett::test

// What /proc/PID/stat tells of a process or thread (proc_pid_stat(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace yett {

struct ProcessStat {
  char state = '?';
  int parent = 0;
  std::uint64_t ticks = 0;  // on processors, with those of the children that it has waited for
  std::uint64_t own_ticks = 0;
  std::uint64_t threads = 0;
  std::uint64_t started = 0;  // of the process: a pid alone is not one
};

[[nodiscard]] std::optional<ProcessStat> parse_stat(std::string_view text);
// Nothing: it is gone.
[[nodiscard]] std::optional<ProcessStat> stat_of_process(int process);
[[nodiscard]] std::optional<ProcessStat> stat_of_thread(int thread);

}  // namespace yett

// What a sandbox or container takes, from its cgroups.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace yett {

struct ResourceUsage {
  std::uint64_t cpu_ns = 0;        // since its beginning
  std::uint64_t memory_bytes = 0;  // without what the kernel could drop at once
  std::optional<std::uint64_t> memory_limit;
  std::uint64_t processes = 0;  // and threads, where the pids controller counts
  std::optional<std::uint64_t> processes_limit;
};

// Where a hierarchy has no figure, /proc is asked about each process.
[[nodiscard]] ResourceUsage read_usage(const std::vector<std::string>& cgroups);

}  // namespace yett

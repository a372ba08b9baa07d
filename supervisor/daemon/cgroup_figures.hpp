// What the cgroups of a sandbox count.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace yett {

// 0: nothing does; of a limit: there is none.
struct CgroupFigures {
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_limit = 0;
  std::uint64_t processes = 0;
  std::uint64_t process_limit = 0;
  std::uint64_t cpu_ns = 0;
};

// Some 50 us: seven small files, wherever they are.
[[nodiscard]] CgroupFigures read_figures(const std::vector<std::string>& cgroups);

}  // namespace yett

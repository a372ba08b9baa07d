// What the cgroups of sandboxes count.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
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

// Knows which of a sandbox's directories has which file, and by what name: that is the same for all
// whose directories lie in the same ones, and looking for it costs several times the reading.
class CgroupFiles {
 public:
  static constexpr std::size_t kFigures = 5;
  // Where a figure is: a directory, by its place among the sandbox's, and a file of it.
  struct Place {
    std::size_t directory = 0;
    std::size_t file = 0;
  };

  // Five small files: some 40 us.
  [[nodiscard]] CgroupFigures read(const std::vector<std::string>& cgroups);

 private:
  using Places = std::array<std::optional<Place>, kFigures>;  // nothing: nobody counts that
  static constexpr std::size_t kMostLayouts = 64;
  [[nodiscard]] Places places_for(const std::vector<std::string>& cgroups);

  std::map<std::string, Places> layouts_;  // by the directories above those of a sandbox
};

}  // namespace yett

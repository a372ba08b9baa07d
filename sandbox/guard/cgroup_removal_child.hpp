// Ends everything in a sandbox's cgroups and removes their directories: step by step, for who has
// other things to do meanwhile, and at once. Allocates nothing.
#pragma once

#include <cstddef>
#include <span>

namespace yett {

// In the order in which they were made: the first is the one that its owner holds.
struct KeptDirectories {
  std::span<const char* const> paths;
  bool first_is_v2 = false;
};

class CgroupRemoval {
 public:
  // Not held: somebody else's, and nothing is removed but parents that are empty.
  enum class Held { no, yes };
  CgroupRemoval(KeptDirectories directories, Held held)
      : directories_(directories),
        left_(directories.paths.size()),
        is_held_(held == Held::yes),
        is_killing_(is_held_) {}

  // Milliseconds until it is to be called again; -1: all is done that can be.
  [[nodiscard]] int go_on();

 private:
  KeptDirectories directories_;
  std::size_t left_;
  int tries_ = 0;
  bool is_held_;
  bool is_killing_;
};

void pause_child(long milliseconds);
// 0 or -errno. Waits for the last task, 5 s at most.
[[nodiscard]] int remove_cgroup_child(const char* directory);
// SIGKILL to everything inside, forks that race included.
[[nodiscard]] int kill_cgroup_child(const char* directory, bool is_v2);

}  // namespace yett

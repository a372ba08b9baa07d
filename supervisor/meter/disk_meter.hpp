// Holds what a sandbox that has no file system of its own writes in its own places: all files there
// are looked at, and those that have no name any more. docs/decisions/0055-disk-without-mounts.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "supervisor/meter/disk_room.hpp"
#include "supervisor/meter/disk_walk.hpp"
#include "supervisor/meter/sandbox_processes.hpp"
#include "supervisor/meter/unlinked_files.hpp"

namespace yett {

class DiskMeter {
 public:
  struct Look {
    std::uint64_t bytes = 0;
    bool over = false;  // all of its processes have been killed
    std::chrono::microseconds next{};
  };
  struct Places {
    std::string own;                   // the sandbox's to do with as it likes
    std::vector<std::string> of_tree;  // where the supervisor writes for it
  };
  // Looks follow one another as soon as what is left could be written, within these bounds.
  struct Pace {
    std::chrono::microseconds shortest;
    std::chrono::microseconds longest;
    std::uint64_t bytes_per_microsecond;
  };

  // `room` is told of what is left. Errors: a place cannot be opened.
  [[nodiscard]] static Result<DiskMeter> open(SandboxProcesses processes, const Places& places,
                                              std::uint64_t limit_bytes, const Pace& pace,
                                              std::shared_ptr<DiskRoom> room);

  [[nodiscard]] Look look();

 private:
  using Clock = std::chrono::steady_clock;
  DiskMeter(SandboxProcesses processes, std::uint64_t limit_bytes, const Pace& pace,
            std::shared_ptr<DiskRoom> room);
  [[nodiscard]] Status add_place(const std::string& path, bool is_sandboxes);
  [[nodiscard]] std::uint64_t count(const std::function<void()>& meanwhile);
  // Kills where there is too much.
  void walk();
  void look_at_free();
  [[nodiscard]] std::uint64_t guessed() const { return walked_bytes_ + gone_; }
  [[nodiscard]] bool is_walk_due() const;
  [[nodiscard]] bool is_over() const;

  SandboxProcesses processes_;
  std::uint64_t limit_bytes_;
  Pace pace_;
  std::shared_ptr<DiskRoom> room_;
  std::vector<DiskPlace> places_;
  std::vector<std::uint64_t> free_;  // of each place's file system, when last looked at
  bool tells_at_once_ = true;        // of all of them: what is written is missing there
  UnlinkedFiles unlinked_;
  std::uint64_t walked_bytes_ = 0;
  std::uint64_t gone_ = 0;    // of what was free, since the walk, by whomever
  bool is_doubtful_ = false;  // something was freed since, or the walk itself found less
  bool has_walked_ = false;
  std::chrono::microseconds walk_took_{};
  Clock::time_point walked_{};
  std::uint64_t last_guess_ = 0;
};

}  // namespace yett

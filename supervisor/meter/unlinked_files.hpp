// Files that have no name any more and still take room: as long as a process has them open, or
// mapped. Only /proc tells of them.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "supervisor/meter/disk_walk.hpp"
#include "supervisor/meter/sandbox_processes.hpp"

namespace yett {

class UnlinkedFiles {
 public:
  // Of those that lay in one of the places and that the walk has not come upon before they lost
  // their name. Kills who hides what it holds.
  // SECURITY(disk-hidden): what nobody can look into holds nothing.
  [[nodiscard]] std::uint64_t bytes(const SandboxProcesses& processes,
                                    const std::vector<DiskPlace>& places, const DiskWalk& walk);

 private:
  using Clock = std::chrono::steady_clock;
  using Files = std::map<std::pair<dev_t, ino_t>, std::uint64_t>;  // bytes
  // A task, by its process, its way from there, and when it began.
  using Task = std::tuple<int, std::string, std::uint64_t>;
  void look_at_task(int pid, BorrowedFd process, const std::string& task,
                    const std::vector<DiskPlace>& places);
  [[nodiscard]] bool hides(int pid, BorrowedFd process, const std::string& task);
  // Is it told?
  [[nodiscard]] bool look_at_link(BorrowedFd directory, const char* name,
                                  const std::vector<DiskPlace>& places);
  void look_at_mappings(BorrowedFd process, const std::vector<std::string>& tasks,
                        const std::vector<DiskPlace>& places);

  Files open_;
  Files mapped_;  // kept for a while: to look is dear
  Clock::time_point mapped_due_{};
  // Who showed nothing at the last look, and what it had run by then, in nanoseconds.
  std::map<Task, std::uint64_t> hiding_;
  std::map<Task, std::uint64_t> hiding_now_;
};

}  // namespace yett

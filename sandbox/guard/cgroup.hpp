// The cgroup plane: one directory per sandbox in each hierarchy that a limit needs, and in v2
// wherever it is mounted (for killing, for cgroup-BPF, for CPU time). Directories lie below "yett"
// at the root of each mounted hierarchy, which goes away with the last sandbox. The caller's own
// cgroup and its limits are therefore not inherited.
//
// Joining costs. Writing another task's pid to cgroup.procs waits for an RCU grace period (5 to 15
// ms on an idle machine); a task that writes "0" to a v1 `tasks` file moves itself in ~25 us, and
// CLONE_INTO_CGROUP costs next to nothing. So the launcher passes v2() to clone3 and the child
// calls join_cgroups_child() on v1_task_files(); join() is for everything that may be slow.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/guard/cgroup_keeper.hpp"
#include "sandbox/host/kernel_features.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// What a report needs. A figure that this host does not keep is absent.
struct CgroupUsage {
  std::optional<std::uint64_t> peak_memory_bytes;
  std::optional<std::uint64_t> cpu_us;
  std::uint64_t oom_kills = 0;
  std::uint64_t refused_forks = 0;  // by the pids limit
};

// What it takes now; 0 where nothing keeps count.
struct CgroupLoad {
  std::uint64_t memory_bytes = 0;
  std::uint64_t processes = 0;
};

class CgroupDir {
 public:
  // Makes the directories and sets every limit of the plan. Errors: unsupported_host when a limit
  // was asked for and its controller is not there; nothing is left behind then. `shared_keeper`:
  // where a keeper of many sandboxes takes requests; without it there is one for this sandbox.
  [[nodiscard]] static Result<CgroupDir> make(const CgroupPlan& plan,
                                              const CgroupFeatures& features,
                                              BorrowedFd shared_keeper = {});
  CgroupDir(CgroupDir&& other) noexcept;
  CgroupDir& operator=(CgroupDir&& other) noexcept;
  ~CgroupDir();  // kills and removes, silently

  // The v2 directory; invalid where no v2 is mounted.
  [[nodiscard]] BorrowedFd v2() const { return v2_.borrow(); }
  // One open `tasks` file per v1 directory, for the child. Writable by whoever holds them: they are
  // close-on-exec, and a child that does not exec closes them itself.
  [[nodiscard]] std::span<const UniqueFd> v1_task_files() const { return v1_task_files_; }
  // Moves a whole process in, from outside.
  [[nodiscard]] Status join(pid_t process) const;

  // Every directory, v2's first where has_v2().
  [[nodiscard]] const std::vector<std::string>& directories() const { return directories_; }
  [[nodiscard]] bool has_v2() const { return v2_first_; }

  [[nodiscard]] CgroupUsage usage() const;
  [[nodiscard]] CgroupLoad load() const;
  // The file of that name in the first directory that keeps it; empty: none does.
  [[nodiscard]] std::string text(const char* file) const;
  // SIGKILL to everything inside, forks that race included. Does not wait.
  [[nodiscard]] Status kill() const;
  // Kills, waits for the last task (5 s at most) and removes the directories. Idempotent.
  [[nodiscard]] Status remove();
  // A successor of the calling process owns this, too: the keeper goes to work when both are dead.
  [[nodiscard]] Status share_with(BorrowedFd successor) { return keeper_.wait_for(successor); }
  // Of cgroup v2: everything inside stands still, within a moment, until it is thawed.
  [[nodiscard]] Status freeze() const;
  [[nodiscard]] bool is_frozen() const;
  // Hangs up when a shared keeper is gone: another one is asked then. Invalid: our own is.
  [[nodiscard]] BorrowedFd shared_keeper() const { return keeper_.shared_gate(); }
  // Needs no privilege. An error: nobody keeps it, and a killed supervisor leaves it to the sweep.
  [[nodiscard]] Status renew_keeper(BorrowedFd shared_keeper);
  // remove() by the keeper, without waiting: for a supervisor that is about to exit. It closes
  // `last`, too.
  void leave_to_keeper(BorrowedFd last = {});

 private:
  CgroupDir() = default;
  [[nodiscard]] std::optional<std::uint64_t> figure(const char* file, std::string_view key) const;
  [[nodiscard]] Status hold_first(const std::string& directory);
  [[nodiscard]] Status add(const std::string& directory);
  [[nodiscard]] Status make_v1(const CgroupPlan& plan, const CgroupFeatures& features);
  [[nodiscard]] Status make_v2(const CgroupPlan& plan, const CgroupFeatures& features);

  std::vector<std::string> directories_;  // every directory made, v2 first where there is one
  bool v2_first_ = false;
  UniqueFd v2_;
  UniqueFd hold_;  // flock on the first directory: tells the sweep that its owner lives
  std::vector<UniqueFd> v1_task_files_;
  CgroupKeeper keeper_;
};

// In the child, at once after clone: moves the calling (single-threaded) process into each v1
// cgroup. 0 or -errno. Allocates nothing.
[[nodiscard]] int join_cgroups_child(std::span<const int> task_files);

// Removes what sandboxes left whose supervisor and keeper died: directories below "yett" that
// nobody holds. make() does it for a few. Returns how many sandboxes' were removed.
int sweep_dead_cgroups(const CgroupFeatures& features);

}  // namespace yett

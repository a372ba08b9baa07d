#include "supervisor/meter/task_scan.hpp"

#include <dirent.h>
#include <signal.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "supervisor/meter/process_stat.hpp"

namespace yett {
namespace {

// A process is somebody's child at every moment. What is read of two of them is of two moments:
// whose parent has ended in between is asked again.
constexpr int kAskedAgain = 8;

class Processes {
 public:
  Processes() {
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
    while (const dirent* entry = proc ? ::readdir(proc.get()) : nullptr) {
      const std::string_view name(entry->d_name);
      int pid = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (error == std::errc() && end == name.data() + name.size()) read(pid);
    }
  }

  [[nodiscard]] std::uint64_t tasks_below(int first) {
    std::uint64_t tasks = 0;
    const std::map<int, ProcessStat> listed = all_;
    for (const auto& [pid, stat] : listed)
      if (pid != first && descends(pid, first)) tasks += stat.threads;
    return tasks;
  }

 private:
  bool read(int pid) {
    const auto stat = stat_of_process(pid);
    if (stat)
      all_[pid] = *stat;
    else
      all_.erase(pid);
    return stat.has_value();
  }

  // Nothing: it has none whose parents could be the sandbox.
  std::optional<int> parent_of(int pid) {
    for (int asked = 0; asked < kAskedAgain; ++asked) {
      const ProcessStat& stat = all_.at(pid);
      if (stat.parent == 0) return std::nullopt;
      const auto parent = all_.find(stat.parent);
      // One that is younger has the number of the one that has ended.
      if (parent != all_.end() && parent->second.started <= stat.started) return stat.parent;
      // Another user's, and not shown: nobody in a sandbox is.
      if (::kill(stat.parent, 0) != 0 && errno == EPERM) return std::nullopt;
      const int known = stat.parent;
      if (!read(pid)) return std::nullopt;
      read(known);
    }
    return 0;
  }

  // SECURITY(fallback-forks): whose parents nobody can tell is one of the sandbox's.
  bool descends(int pid, int first) {
    for (std::size_t steps = 0; steps <= all_.size(); ++steps) {
      if (!all_.contains(pid)) return false;
      const auto parent = parent_of(pid);
      if (!parent) return false;
      if (*parent == first || *parent == 0) return true;
      pid = *parent;
    }
    return true;
  }

  std::map<int, ProcessStat> all_;
};

}  // namespace

std::uint64_t count_tasks_below(int first) { return Processes().tasks_below(first); }

}  // namespace yett

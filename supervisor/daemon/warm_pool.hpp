// Sandboxes that are ready but for their program: everything is made, and PID 1 waits before it
// takes on its last restrictions and executes. Each is used once. docs/decisions/0050-warm-pool.md.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "supervisor/daemon/daemon_config.hpp"
#include "supervisor/daemon/daemon_log.hpp"
#include "supervisor/daemon/metrics.hpp"
#include "supervisor/daemon/poller.hpp"
#include "supervisor/daemon/starter.hpp"
#include "supervisor/daemon/wanted_run.hpp"
#include "supervisor/daemon/warm_forks.hpp"

namespace yett {

// The words of a supervisor of this template: `command` what is run in it.
[[nodiscard]] std::vector<std::string> words_of(const SandboxTemplate& made_of,
                                                const std::vector<std::string>& command,
                                                const std::vector<std::string>& environment);
// In which a supervisor of the daemon's own runs.
[[nodiscard]] std::vector<std::string> own_environment();

class WarmPool {
 public:
  using Clock = std::chrono::steady_clock;
  // After a start nothing is refilled for so long, while half of a pool is there: the processors
  // are the program's.
  static constexpr std::chrono::milliseconds kRest{20};
  // After a sandbox that could not be made.
  static constexpr std::chrono::milliseconds kPause{1000};

  // `read_run`: of templates; empty: no run is like any.
  WarmPool(Poller& poller, Starter& starter, WarmForks& forks, DaemonLog& log,
           ReadRun read_run = {})
      : poller_(poller),
        starter_(starter),
        forks_(forks),
        log_(log),
        read_run_(std::move(read_run)) {}

  // Those of other templates, or of the same name with other options, are thrown away.
  void set_templates(const std::map<std::string, SandboxTemplate>& templates);
  // Nothing: none is ready.
  [[nodiscard]] std::optional<StartedSupervisor> take(const std::string& name);
  // Not worth a look.
  [[nodiscard]] bool is_empty() const { return pools_.empty(); }
  // One of any template that is what would be made for this run.
  [[nodiscard]] std::optional<StartedSupervisor> take_like(const WantedRun& run);
  // Begins one at most, if it is time to. When to be called again; nothing: nothing is missing.
  [[nodiscard]] std::optional<std::chrono::milliseconds> refill();
  [[nodiscard]] std::map<std::string, PoolState> state() const;
  void clear();

 private:
  struct Waiting {
    StartedSupervisor supervisor;
    Poller::Key news = 0;
    Poller::Key end = 0;
    bool ready = false;
    std::optional<WantedRun> like;  // as it was read before it was begun
  };
  struct Pool {
    SandboxTemplate made_of;
    std::map<std::uint64_t, Waiting> waiting;
  };
  [[nodiscard]] Result<StartedSupervisor> start(const std::string& name, const Pool& pool);
  [[nodiscard]] bool begin(const std::string& name, Pool& pool);
  using Fits = std::function<bool(const Waiting& waiting)>;
  [[nodiscard]] std::optional<StartedSupervisor> take(Pool& pool, const Fits& fits);
  void on_news(const std::string& name, std::uint64_t serial);
  void drop(const std::string& name, std::uint64_t serial);
  void forget(const Waiting& waiting);

  Poller& poller_;
  Starter& starter_;
  WarmForks& forks_;
  DaemonLog& log_;
  ReadRun read_run_;
  std::uint64_t last_ = 0;
  Clock::time_point rest_until_{};
  Clock::time_point pause_until_{};
  std::map<std::string, Pool> pools_;
};

}  // namespace yett

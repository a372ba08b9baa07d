// Begins programs for clients: from the pool where it can be, else by a supervisor made for it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "supervisor/control/host_directory.hpp"
#include "supervisor/daemon/closer.hpp"
#include "supervisor/daemon/daemon_config.hpp"
#include "supervisor/daemon/roster.hpp"
#include "supervisor/daemon/warm_pool.hpp"

namespace yett {

// What YETT_CREATE was given.
struct Recipe {
  std::string template_name;  // or:
  HostDirectory directory;
};

class ProgramStarter {
 public:
  ProgramStarter(const DaemonConfig& config, Starter& starter, WarmPool& pool, WarmForks& forks,
                 Roster& roster, Metrics& metrics, DaemonLog& log, const Closer& closer,
                 ReadRun read_run = {})
      : config_(config),
        starter_(starter),
        pool_(pool),
        forks_(forks),
        roster_(roster),
        metrics_(metrics),
        log_(log),
        closer_(closer),
        read_run_(std::move(read_run)) {}

  // -errno, or 0: `caller` may use it.
  [[nodiscard]] int check(const std::string& template_name, uid_t caller) const;
  // Its number, or -errno.
  [[nodiscard]] int begin(const Recipe& recipe, ProgramWanted wanted, const ProgramCaller& caller);
  // A function of who is at the other end of `entrance`, which comes into a sandbox of that.
  [[nodiscard]] int begin_function(const Recipe& recipe, UniqueFd entrance,
                                   const ProgramCaller& caller);
  // `yett run` with these words; the fourth descriptor is its directory. In a sandbox of the pool,
  // where that is the one that it would be given.
  [[nodiscard]] int run(SupervisorWanted wanted, const ProgramCaller& caller);

 private:
  [[nodiscard]] bool has_room(uid_t caller) const;
  [[nodiscard]] int begin_fork(const std::string& name, ProgramWanted wanted,
                               const ProgramCaller& caller);
  // One that waits to be told what runs in it, made now.
  [[nodiscard]] Result<StartedSupervisor> make_waiting(const SandboxTemplate& made_of);
  [[nodiscard]] int begin_cold(const SandboxTemplate& made_of, const std::string& name,
                               ProgramWanted wanted, const ProgramCaller& caller);
  // Nothing: none is like it, and `wanted` is as it was.
  [[nodiscard]] std::optional<StartedSupervisor> begin_like(SupervisorWanted& wanted);
  [[nodiscard]] int enlist(Result<StartedSupervisor> started, const std::string& made_of, bool warm,
                           const ProgramCaller& caller);

  const DaemonConfig& config_;
  Starter& starter_;
  WarmPool& pool_;
  WarmForks& forks_;
  Roster& roster_;
  Metrics& metrics_;
  DaemonLog& log_;
  const Closer& closer_;
  ReadRun read_run_;
};

}  // namespace yett

// The templates with `warm_fork`: for each a sandbox whose program has initialised, and is forked
// for each instance. docs/decisions/0053-warm-fork.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "supervisor/daemon/daemon_config.hpp"
#include "supervisor/daemon/daemon_log.hpp"
#include "supervisor/daemon/poller.hpp"
#include "supervisor/daemon/starter.hpp"

namespace yett {

class WarmForks {
 public:
  using Clock = std::chrono::steady_clock;
  // After one that has ended the next waits, twice as long each time, until one has been ready.
  static constexpr std::chrono::milliseconds kPause{1000};
  static constexpr std::chrono::milliseconds kLongestPause{60'000};
  // For the answer to a wish, which takes a fork, and everybody else waits with it: so not so long
  // for one that has not answered the wish before.
  static constexpr std::chrono::milliseconds kPatience{2000};
  static constexpr std::chrono::milliseconds kPatienceAfterMiss{200};
  // In a row: a slow host is no reason to end what runs.
  static constexpr int kMostMisses = 3;

  WarmForks(Poller& poller, Starter& starter, DaemonLog& log)
      : poller_(poller), starter_(starter), log_(log) {}

  void set_templates(const std::map<std::string, SandboxTemplate>& templates);
  // Begins what is missing. When to be called again; nothing: nothing is missing.
  [[nodiscard]] std::optional<std::chrono::milliseconds> tend();
  [[nodiscard]] bool is_ready(const std::string& name) const;
  // The keeper of a new instance: as a supervisor that waits in the pool. EAGAIN: the template is
  // not ready, or does not answer; else why it could make none.
  [[nodiscard]] Result<StartedSupervisor> start(const std::string& name);
  void clear();

 private:
  struct Template {
    SandboxTemplate made_of;
    std::optional<StartedSupervisor> supervisor;
    Poller::Key news = 0;
    Poller::Key end = 0;
    bool ready = false;
    std::uint64_t last_wish = 0;
    int misses = 0;
    Clock::time_point not_before{};
    std::chrono::milliseconds pause = kPause;
  };
  [[nodiscard]] Status begin(const std::string& name, Template& made);
  void on_news(const std::string& name);
  void drop(const std::string& name, const char* why);
  void forget(Template& made);
  [[nodiscard]] Result<StartedSupervisor> await_birth(const std::string& name, Template& made);
  void miss(const std::string& name, Template& made);

  Poller& poller_;
  Starter& starter_;
  DaemonLog& log_;
  std::map<std::string, Template> templates_;
};

}  // namespace yett

// A `yett run` whose child (PID 1 and the program until its exec) stands still before and after
// each system call of its set-up, so that a test can kill the supervisor at a step it can name.
// The supervisor itself is let go as soon as the child is there: a task that nobody traces dies and
// is reaped as ever.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "ioctl_uapi/launch_protocol.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {

// Where PID 1 or the program stands.
struct ChildStop {
  ChildStep step = ChildStep::start;
  bool entry = false;       // before the call; else after it
  std::uint64_t call = 0;   // of entries
  std::int64_t result = 0;  // of the others; 0 for a completed exec
};

class TracedChild {
 public:
  // `limit`: how long one next() may take before it gives up; stuck() then tells why.
  TracedChild(std::vector<std::string> argv, std::chrono::milliseconds limit);
  TracedChild(const TracedChild&) = delete;
  TracedChild& operator=(const TracedChild&) = delete;
  ~TracedChild();

  // Lets the task of the last stop go on, until one stands. nullopt: the supervisor or all of the
  // child has ended, or the time is up.
  [[nodiscard]] std::optional<ChildStop> next();
  // Empty, or what every process of the run was doing when the time was up.
  [[nodiscard]] const std::string& stuck() const { return stuck_; }

  // kill -9. It is dead afterwards, while the child still stands.
  void kill_supervisor();
  // kill -9 of those whom it has started beside the child: the keeper of the cgroup.
  void kill_helpers() const;
  // Lets go of whoever stands, here or from its next stop on, and reaps those who ended: a traced
  // process that nobody waits for does not vanish. To be called again and again while one waits
  // for something. False: nobody is left.
  bool let_go();
  // The processes that the supervisor and the child started and that have not ended, the
  // supervisor's own helpers among them: what each is doing. Empty: none.
  [[nodiscard]] std::string living() const;

 private:
  struct Event {
    pid_t task = 0;
    int status = 0;
  };
  [[nodiscard]] std::optional<Event> wait_for_event();
  [[nodiscard]] std::optional<ChildStop> on_stop(const Event& event);
  void on_new_task(pid_t task);
  void on_fork(pid_t task);
  void resume(pid_t task, int signal_number);
  void detach(pid_t task, int signal_number);
  [[nodiscard]] ChildStop read_stop(pid_t task);
  [[nodiscard]] ChildStep step_of(pid_t task);
  void give_up();

  std::pair<UniqueFd, UniqueFd> gate_;  // the program waits for its end before it execs
  RunningProgram program_;
  std::chrono::milliseconds limit_;
  std::map<pid_t, bool> traced_;  // true: has executed, and is let go of when it goes on
  std::map<pid_t, UniqueFd> helpers_;
  std::map<pid_t, UniqueFd> inside_;  // PID 1 and the program; these are pidfds, as those above
  pid_t stopped_ = 0;
  std::uint64_t page_address_ = 0;  // of the launch page
  StepTimings timings_;             // as last read
  std::string stuck_;
};

}  // namespace yett::test

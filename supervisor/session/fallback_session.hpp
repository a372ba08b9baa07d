// What a session of the fallback mode has besides: no namespace goes with its first process, no
// mount with its end.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sandbox/host/own_directory.hpp"
#include "sandbox/launch/launcher.hpp"
#include "supervisor/meter/disk_room.hpp"
#include "supervisor/meter/task_count.hpp"
#include "supervisor/redirect/redirector.hpp"

namespace yett {

class FallbackSession {
 public:
  // Makes the plan's work directory, and the calling process the one that orphans come to, should
  // the sandbox's first process be killed. Of another mode: nothing.
  [[nodiscard]] static Result<FallbackSession> begin(const SandboxPlan& plan);

  void count_tasks_below(int first, std::uint64_t limit) {
    tasks_ = std::make_unique<TaskCount>(first, limit);
  }
  [[nodiscard]] TaskCount* tasks() { return tasks_.get(); }
  // Null: what it writes is not counted.
  [[nodiscard]] std::shared_ptr<DiskRoom> disk_room() const { return disk_room_; }
  // Null: nothing is redirected.
  [[nodiscard]] std::shared_ptr<Redirector> redirector() const { return redirector_; }

  // By the first process's own word: it has ended, and was the last.
  void note_nothing_left() { is_nothing_left_ = true; }

  // SECURITY(fallback-end): returns when no process of the sandbox is left. Its listener is closed
  // first, without which none is made. Children that the caller had before are left alone.
  void end(RunningSandbox& running);

 private:
  void clear_away(RunningSandbox& running) const;

  std::optional<OwnDirectory> directory_;
  std::unique_ptr<TaskCount> tasks_;
  std::shared_ptr<DiskRoom> disk_room_;
  std::shared_ptr<Redirector> redirector_;
  std::vector<int> children_before_;
  bool is_nothing_left_ = false;
};

}  // namespace yett

// Calls that name files, of a sandbox whose writing outside of its own places goes to a tree of
// changes. What has nothing to do with the tree is let run, and held by Landlock as without
// redirection; all else is done here, on one copy of the names.
// docs/decisions/0045-redirected-writes.md.
#pragma once

#include <array>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/notify/pending_notification.hpp"
#include "supervisor/redirect/change_tree.hpp"
#include "supervisor/redirect/merged_walk.hpp"
#include "supervisor/redirect/path_call.hpp"
#include "supervisor/redirect/steered_call.hpp"

namespace yett {

struct RedirectAnswer {
  enum class Kind { let_run, value, file, steered };
  Kind kind = Kind::value;
  int error = 0;
  std::int64_t value = 0;
  UniqueFd file;
  CloseOnExec close_on_exec = CloseOnExec::no;
  std::vector<std::byte> told;  // to be written for the target
  SteeredCall call;             // for steer()

  [[nodiscard]] static RedirectAnswer let_run() { return {.kind = Kind::let_run}; }
  [[nodiscard]] static RedirectAnswer failed(int error) { return {.error = error}; }
};

class Redirector {
 public:
  // `take_room`: before so many bytes are copied; empty: it is not counted. Errors: the directory
  // that keeps the tree cannot be used.
  [[nodiscard]] static Result<std::shared_ptr<Redirector>> open(const SandboxPlan& plan,
                                                                TakeRoom take_room = {});

  // Called by several threads. Waits for the target's memory as long as the target likes.
  [[nodiscard]] RedirectAnswer answer(const PendingNotification& pending, const SandboxPlan& plan);

 private:
  // All that was copied from the target.
  struct Copied {
    PathCall call;
    std::string path;
    std::string other;
    std::string text;
    std::array<struct timespec, 2> times{};
    mode_t umask = 022;
  };
  Redirector(const SandboxPlan& plan, std::uint64_t file_size, ChangeTree tree)
      : executes_(plan.redirect.executes), file_size_(file_size), tree_(std::move(tree)) {}
  [[nodiscard]] static int copy_of(const PendingNotification& pending, Copied& copied);
  [[nodiscard]] RedirectAnswer answer_call(const PendingNotification& pending,
                                           const PathCall& call);
  [[nodiscard]] RedirectAnswer answer_copied(const PendingNotification& pending,
                                             const Copied& copied);
  // -1: it takes a walk.
  [[nodiscard]] int open_known(const PendingNotification& pending, const Copied& copied);
  [[nodiscard]] RedirectAnswer act_on(const Copied& copied, const Found& found);
  [[nodiscard]] RedirectAnswer act_on_two(const Copied& copied, const Found& from, const Found& to);
  [[nodiscard]] static RedirectAnswer change_attributes(const PendingNotification& pending,
                                                        const SandboxPlan& plan);
  // The kernel's own, where it comes to the same file.
  [[nodiscard]] static RedirectAnswer pass_on(const Found& found, int error);
  [[nodiscard]] bool is_passed_on(const Found& found) const;
  [[nodiscard]] static RedirectAnswer done(int error) { return RedirectAnswer::failed(error); }

  [[nodiscard]] RedirectAnswer open_file(const Copied& copied, const Found& found);
  [[nodiscard]] RedirectAnswer open_new(const Copied& copied, const Found& found);
  [[nodiscard]] RedirectAnswer open_untouched(const Copied& copied, const Found& found);
  [[nodiscard]] static RedirectAnswer give(int opened, int flags);
  [[nodiscard]] RedirectAnswer truncate(const Copied& copied, const Found& found);

  // look_calls.cpp
  [[nodiscard]] RedirectAnswer look(const Copied& copied, const Found& found) const;
  [[nodiscard]] RedirectAnswer look_wide(const Copied& copied, const Found& found) const;
  [[nodiscard]] RedirectAnswer access(const Copied& copied, const Found& found) const;
  [[nodiscard]] RedirectAnswer read_link(const Copied& copied, const Found& found) const;
  [[nodiscard]] static RedirectAnswer tell_link(const Copied& copied, std::string text);
  [[nodiscard]] RedirectAnswer tell_directory(const PendingNotification& pending);

  // steer_calls.cpp
  [[nodiscard]] RedirectAnswer enter(const Found& found) const;
  [[nodiscard]] RedirectAnswer execute(const Copied& copied, const Found& found,
                                       MergedWalk& walk) const;
  [[nodiscard]] RedirectAnswer execute_script(const Copied& copied, Found found,
                                              MergedWalk& walk) const;
  [[nodiscard]] std::string real_path(const Found& found) const;
  [[nodiscard]] int check_executable(const Found& found, std::string& begins) const;

  // name_calls.cpp
  [[nodiscard]] RedirectAnswer make(const Copied& copied, const Found& found);
  [[nodiscard]] RedirectAnswer remove(const Copied& copied, const Found& found);
  [[nodiscard]] RedirectAnswer rename(const Copied& copied, const Found& from, const Found& to);
  [[nodiscard]] RedirectAnswer link(const Found& from, const Found& to);
  [[nodiscard]] RedirectAnswer set_attributes(const Copied& copied, const Found& found);
  [[nodiscard]] int may_remove(const Found& found) const;
  [[nodiscard]] bool hides_what_was_not_shown(const Found& to) const;
  [[nodiscard]] bool is_directory(const Found& found) const;

  bool executes_;
  std::uint64_t file_size_;
  std::mutex lock_;
  ChangeTree tree_;
};

}  // namespace yett

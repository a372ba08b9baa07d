#include "supervisor/meter/task_count.hpp"

#include <thread>

#include "supervisor/meter/process_stat.hpp"
#include "supervisor/meter/process_tree.hpp"
#include "supervisor/meter/task_scan.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;

// Of processor time, a second: no fork takes as long.
constexpr std::uint64_t kTicksToFork = 100;
// Looks before a refusal, a millisecond apart: who has just forked goes to sleep, or ends.
constexpr int kLooks = 4;
// After a refusal the next come without a look.
constexpr milliseconds kStaysFull{10};

std::uint64_t count_quickly(int first) {
  std::uint64_t tasks = 0;
  for (const int process : processes_below(first)) tasks += count_threads(process);
  return tasks;
}

// Once the first one has ended, nobody is below it: what it had is somebody else's to kill.
bool is_there(int first) {
  const auto stat = stat_of_process(first);
  return stat && stat->state != 'Z' && stat->state != 'X';
}

}  // namespace

// Within the call it runs, or waits as nobody can wake it. Whoever sleeps otherwise, or is gone,
// has come back from it: it was answered before.
bool TaskCount::may_still_fork(Admitted& admitted) {
  const auto stat = stat_of_thread(admitted.thread);
  if (!stat || (stat->state != 'R' && stat->state != 'D')) return false;
  if (!admitted.ticks) admitted.ticks = stat->own_ticks;
  return stat->own_ticks < *admitted.ticks + kTicksToFork;
}

void TaskCount::settle() {
  std::erase_if(admitted_, [](Admitted& each) { return !may_still_fork(each); });
}

// SECURITY(fallback-forks): who may still fork is looked at before the others are counted, so that
// each task is one of these or among those, or both. The quick count can miss some: it says no
// alone.
bool TaskCount::has_room() {
  settle();
  if (count_quickly(first_) + admitted_.size() >= limit_) return false;
  known_ = count_tasks_below(first_) + admitted_.size();
  return is_there(first_) && known_ < limit_;
}

bool TaskCount::admit(int thread, const std::function<void()>& let_run) {
  const std::scoped_lock held(lock_);
  // Who asks again has come back from the call before.
  std::erase_if(admitted_, [thread](const Admitted& each) { return each.thread == thread; });
  if (Clock::now() - full_ < kStaysFull) return false;
  bool room = known_ != 0 && known_ < limit_;
  for (int look = 0; !room && look < kLooks; ++look) {
    if (look != 0) std::this_thread::sleep_for(milliseconds(1));
    room = has_room();
  }
  if (!room) {
    known_ = limit_;
    full_ = Clock::now();
    return false;
  }
  ++known_;
  admitted_.push_back({.thread = thread, .ticks = {}});
  let_run();
  return true;
}

}  // namespace yett

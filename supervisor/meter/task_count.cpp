#include "supervisor/meter/task_count.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>
#include <thread>

#include "base/unique_fd.hpp"
#include "supervisor/meter/process_tree.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;

// Who was let go may wait that long for a processor before it forks.
constexpr milliseconds kSlowFork{500};
// Looks before a refusal, a millisecond apart: who has just forked goes to sleep, or ends.
constexpr int kLooks = 4;
// After a refusal the next come without a look.
constexpr milliseconds kStaysFull{10};

// One that sleeps, or is gone, has done what it was let go for.
bool may_be_about_to_fork(int thread) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/stat", thread);
  const UniqueFd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text;
  const ssize_t size = file.valid() ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size <= 0) return false;
  const std::string_view stat(text.data(), static_cast<std::size_t>(size));
  return stat.substr(stat.rfind(')')).starts_with(") R");
}

}  // namespace

bool TaskCount::has_room() {
  const auto now = Clock::now();
  std::erase_if(admitted_, [now](const Admitted& each) {
    return now - each.at > kSlowFork || !may_be_about_to_fork(each.thread);
  });
  known_ = 0;
  for (const int process : processes_below(first_)) known_ += count_threads(process);
  return known_ + admitted_.size() < limit_;
}

bool TaskCount::admit(int thread) {
  const std::scoped_lock held(lock_);
  if (Clock::now() - full_ < kStaysFull) return false;
  bool room = known_ != 0 && known_ + admitted_.size() < limit_;
  for (int look = 0; !room && look < kLooks; ++look) {
    if (look != 0) std::this_thread::sleep_for(milliseconds(1));
    room = has_room();
  }
  if (room)
    admitted_.push_back({thread, Clock::now()});
  else
    full_ = Clock::now();
  return room;
}

}  // namespace yett

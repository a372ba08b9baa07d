#include "supervisor/meter/task_count.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"
#include "supervisor/meter/process_tree.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;

// Turns on a processor within which a thread that was let go has forked.
constexpr std::uint64_t kTurnsToFork = 3;
// Looks before a refusal, a millisecond apart: who has just forked goes to sleep, or ends.
constexpr int kLooks = 4;
// After a refusal the next come without a look.
constexpr milliseconds kStaysFull{10};

std::string read_of(int thread, const char* name) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", thread, name);
  const UniqueFd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text;
  const ssize_t size = file.valid() ? ::read(file.get(), text.data(), text.size()) : -1;
  return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// The third figure of schedstat. Where the kernel tells none, every turn is the first.
std::uint64_t turns_of(int thread) {
  const std::string text = read_of(thread, "schedstat");
  const std::size_t last = text.rfind(' ');
  std::uint64_t turns = 0;
  if (last != std::string::npos)
    std::from_chars(text.data() + last + 1, text.data() + text.size(), turns);
  return turns;
}

// One that sleeps, or is gone, has done what it was let go for; on a busy machine others wait long
// for their turn.
bool may_be_about_to_fork(int thread, std::uint64_t turns_before) {
  const std::string stat = read_of(thread, "stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return false;
  const std::string state = stat.substr(name_end, 3);
  if (state != ") R" && state != ") D") return false;
  return turns_of(thread) <= turns_before + kTurnsToFork;
}

}  // namespace

bool TaskCount::has_room() {
  std::erase_if(admitted_, [](const Admitted& each) {
    return !may_be_about_to_fork(each.thread, each.turns);
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
    admitted_.push_back({thread, turns_of(thread)});
  else
    full_ = Clock::now();
  return room;
}

}  // namespace yett

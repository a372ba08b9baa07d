#include "supervisor/grants/question_table.hpp"

namespace yett {

std::optional<std::uint64_t> QuestionTable::open(Clock::time_point now,
                                                 std::chrono::milliseconds wanted) {
  if (ends_.size() >= kMostOpen) return std::nullopt;
  TokenBucket taken = rate_;
  if (taken.take(now) > now) return std::nullopt;
  rate_ = taken;
  const bool is_shorter = wanted.count() > 0 && wanted < patience_;
  ends_.emplace(++last_, now + (is_shorter ? wanted : patience_));
  return last_;
}

bool QuestionTable::remember(const Subject& subject) {
  if (remembered_.size() >= kMostRemembered) return false;
  remembered_.insert(subject);
  return true;
}

bool QuestionTable::is_remembered(const Subject& subject) const {
  if (remembered_.contains(subject)) return true;
  Subject written = subject;
  written.for_write = true;
  return remembered_.contains(written);
}

}  // namespace yett

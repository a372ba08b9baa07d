#include "supervisor/daemon/open_questions.hpp"

namespace yett {

bool OpenQuestions::add(const GrantReply& told, Clock::time_point now) {
  if (questions_.size() >= kMost || told.question == 0) return false;
  return questions_
      .try_emplace(told.question,
                   Question{.told = told, .end = now + std::chrono::milliseconds(told.left_ms)})
      .second;
}

const OpenQuestions::Question* OpenQuestions::find(std::uint64_t from) const {
  for (auto at = questions_.lower_bound(from); at != questions_.end(); ++at)
    if (!at->second.answered) return &at->second;
  return nullptr;
}

bool OpenQuestions::answer(std::uint64_t number) {
  const auto found = questions_.find(number);
  if (found == questions_.end() || found->second.answered) return false;
  return found->second.answered = true;
}

}  // namespace yett

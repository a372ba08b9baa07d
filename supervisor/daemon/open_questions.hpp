// The questions of one program that wait for an answer, as its supervisor has told of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "ioctl_uapi/grant_protocol.hpp"

namespace yett {

class OpenQuestions {
 public:
  using Clock = std::chrono::steady_clock;
  // A supervisor has no more at once; what one tells beyond is not kept, and so a no.
  static constexpr std::size_t kMost = 32;

  struct Question {
    GrantReply told;
    Clock::time_point end;  // then it is a no
    bool answered = false;
  };

  // False: it is known, or there are too many.
  bool add(const GrantReply& told, Clock::time_point now);
  // The first of this number or above that nobody has answered; null: there is none.
  [[nodiscard]] const Question* find(std::uint64_t from) const;
  // SECURITY(one-answer): the first is the last. False: none is open of this number.
  bool answer(std::uint64_t number);
  // False: there was none.
  bool settle(std::uint64_t number) { return questions_.erase(number) != 0; }

 private:
  std::map<std::uint64_t, Question> questions_;
};

}  // namespace yett

// Which questions are open, for how long, how many there may be, and what was answered for good.
// Pure: no descriptors, no clock of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "base/token_bucket.hpp"

namespace yett {

class QuestionTable {
 public:
  using Clock = std::chrono::steady_clock;
  // SECURITY(question-flood): nobody is asked more than this; what is beyond is a no.
  static constexpr std::size_t kMostOpen = 16;
  static constexpr int kBurst = 32;
  static constexpr std::chrono::seconds kInterval{1};  // one more question, each
  static constexpr std::size_t kMostRemembered = 256;

  // What is asked for.
  struct Subject {
    dev_t device = 0;
    ino_t inode = 0;
    bool for_write = false;
    auto operator<=>(const Subject&) const = default;
  };

  explicit QuestionTable(std::chrono::milliseconds patience) : patience_(patience) {}

  // The new question's number, from 1, never used twice. Nothing: there are too many.
  // `wanted`: for how long; 0, or longer than the policy's: as long as that.
  [[nodiscard]] std::optional<std::uint64_t> open(Clock::time_point now,
                                                  std::chrono::milliseconds wanted = {});
  // False: it is not open (any more).
  bool close(std::uint64_t question) { return ends_.erase(question) != 0; }
  [[nodiscard]] bool is_open(std::uint64_t question) const { return ends_.contains(question); }
  // When the question is a no. Precondition: it is open.
  [[nodiscard]] Clock::time_point end_of(std::uint64_t question) const {
    return ends_.at(question);
  }

  // For good. False: there are too many, and it was for once.
  bool remember(const Subject& subject);
  // What may be written may be read, too: never the other way.
  [[nodiscard]] bool is_remembered(const Subject& subject) const;

 private:
  std::chrono::milliseconds patience_;
  TokenBucket rate_{kBurst, kInterval};
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Clock::time_point> ends_;
  std::set<Subject> remembered_;
};

}  // namespace yett

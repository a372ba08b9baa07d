// Which questions of a program are open.
#include "supervisor/daemon/open_questions.hpp"

#include <gtest/gtest.h>

namespace yett {
namespace {

GrantReply question(std::uint64_t number) {
  return {.kind = GrantReplyKind::question, .question = number, .left_ms = 1000};
}

TEST(OpenQuestions, AreFoundInTheirOrderUntilTheyAreAnswered) {
  OpenQuestions open;
  const auto now = OpenQuestions::Clock::now();
  EXPECT_EQ(open.find(0), nullptr);
  EXPECT_TRUE(open.add(question(7), now));
  EXPECT_TRUE(open.add(question(3), now));
  EXPECT_FALSE(open.add(question(3), now)) << "it is told again by who was asked what is open";
  ASSERT_NE(open.find(0), nullptr);
  EXPECT_EQ(open.find(0)->told.question, 3U);
  EXPECT_EQ(open.find(0)->end, now + std::chrono::milliseconds(1000));
  EXPECT_EQ(open.find(4)->told.question, 7U);
  EXPECT_EQ(open.find(8), nullptr);
  EXPECT_FALSE(open.answer(4));
  EXPECT_TRUE(open.answer(3));
  EXPECT_FALSE(open.answer(3));
  EXPECT_EQ(open.find(0)->told.question, 7U);
  EXPECT_TRUE(open.settle(3));
  EXPECT_FALSE(open.settle(3));
  EXPECT_TRUE(open.settle(7));
  EXPECT_EQ(open.find(0), nullptr);
}

// A supervisor that says anything takes no memory without bound.
TEST(OpenQuestions, AreNotTooMany) {
  OpenQuestions open;
  const auto now = OpenQuestions::Clock::now();
  EXPECT_FALSE(open.add(question(0), now)) << "no question has that number";
  for (std::uint64_t number = 1; number <= OpenQuestions::kMost; ++number)
    EXPECT_TRUE(open.add(question(number), now));
  EXPECT_FALSE(open.add(question(1000), now));
  EXPECT_TRUE(open.settle(1));
  EXPECT_TRUE(open.add(question(1000), now));
}

}  // namespace
}  // namespace yett

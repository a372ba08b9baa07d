// What a supervisor tells a yettd that does not read, or reads late.
#include "supervisor/daemon/supervisor_line.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <vector>

namespace yett {
namespace {

class SupervisorLineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    daemons_.reset(ends[0]);
    line_.emplace(UniqueFd(ends[1]));
  }
  // Until nothing more is taken. How many were.
  int fill() {
    int told = 0;
    while (line_->tell(CallTimesReport())) ++told;
    return told;
  }
  std::vector<GrantReply> read_questions() {
    std::vector<GrantReply> questions;
    for (;;) {
      const LineMessage message = read_line(daemons_.borrow());
      if (std::holds_alternative<std::monostate>(message)) return questions;
      if (const auto* question = std::get_if<GrantReply>(&message)) questions.push_back(*question);
    }
  }
  static GrantReply question(std::uint64_t number) {
    return {.kind = GrantReplyKind::question, .question = number};
  }
  static GrantReply settled(std::uint64_t number) {
    return {.kind = GrantReplyKind::settled, .question = number};
  }

  UniqueFd daemons_;
  std::optional<SupervisorLine> line_;
};

TEST_F(SupervisorLineTest, MessagesAreWhatTheyAre) {
  line_->tell(News{.kind = NewsKind::ended, .value = 7});
  GrantReply asked = question(5);
  asked.object.fill('x');  // without an end
  line_->tell(asked);
  CallTimesReport times;
  times.kinds[2].sum_ns = 9;
  EXPECT_TRUE(line_->tell(times));
  const LineMessage first = read_line(daemons_.borrow());
  ASSERT_TRUE(std::holds_alternative<News>(first));
  EXPECT_EQ(std::get<News>(first).value, 7);
  const LineMessage second = read_line(daemons_.borrow());
  ASSERT_TRUE(std::holds_alternative<GrantReply>(second));
  EXPECT_EQ(std::get<GrantReply>(second).question, 5U);
  EXPECT_EQ(std::get<GrantReply>(second).object.back(), '\0');
  const LineMessage third = read_line(daemons_.borrow());
  ASSERT_TRUE(std::holds_alternative<CallTimesReport>(third));
  EXPECT_EQ(std::get<CallTimesReport>(third).kinds[2].sum_ns, 9U);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(read_line(daemons_.borrow())));
}

// SECURITY(question-flood): who asks and gives up again and again takes no memory of its
// supervisor's while nobody reads.
TEST_F(SupervisorLineTest, WhatIsSettledBeforeItWasToldWasNone) {
  EXPECT_GT(fill(), 0);
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    line_->tell(question(number));
    if (number != 500) line_->tell(settled(number));
  }
  EXPECT_TRUE(read_questions().empty());
  line_->tell(News{});  // with which what was kept comes
  const auto told = read_questions();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].question, 500U);
  line_->tell(settled(500));
  EXPECT_EQ(read_questions().size(), 1U);
}

TEST_F(SupervisorLineTest, AnAnswerToWhoDoesNotReadIsNotWaitedFor) {
  int sent = 0;
  while (sent < 100'000 && send_answer(daemons_.borrow(), {.question = 1})) ++sent;
  EXPECT_LT(sent, 100'000);
}

}  // namespace
}  // namespace yett

// Costly calls: a burst at once, then one each interval; and a burst again after a rest.
#include <gtest/gtest.h>

#include <thread>

#include "supervisor/loop/call_budget.hpp"

namespace yett {
namespace {

using Clock = CallBudget::Clock;

// SECURITY(call-budget)
TEST(CallBudget, ABurstThenOneEachInterval) {
  CallBudget budget;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < CallBudget::kBurst; ++i) EXPECT_EQ(budget.take(start), start) << i;
  for (int i = 1; i <= 1000; ++i)
    EXPECT_EQ(budget.take(start), start + i * CallBudget::kInterval) << i;
}

TEST(CallBudget, ARestGivesTheBurstBackAndNoMore) {
  CallBudget budget;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < CallBudget::kBurst; ++i) static_cast<void>(budget.take(start));
  const Clock::time_point later = start + std::chrono::hours(1);
  for (int i = 0; i < CallBudget::kBurst; ++i) EXPECT_EQ(budget.take(later), later) << i;
  EXPECT_GT(budget.take(later), later);
}

// Of all threads together.
TEST(CallBudget, ThreadsShareIt) {
  CallBudget budget;
  const Clock::time_point start = Clock::now();
  const auto take_many = [&] {
    for (int i = 0; i < 500; ++i) static_cast<void>(budget.take(start));
  };
  std::thread one(take_many);
  std::thread other(take_many);
  one.join();
  other.join();
  EXPECT_EQ(budget.take(start), start + (1001 - CallBudget::kBurst) * CallBudget::kInterval);
}

}  // namespace
}  // namespace yett

// The share of the processors, as arithmetic.
#include <gtest/gtest.h>

#include "supervisor/meter/cpu_meter.hpp"

namespace yett {
namespace {

// One second of looks ten milliseconds apart at something that uses `pace` processors while it may.
double used_in_a_second(double cpus, double pace) {
  CpuBudget budget(cpus);
  double used = 0;
  for (int look = 0; look < 100; ++look) {
    const double now = budget.pause() > 0 ? 0 : 0.01 * pace;
    used += now;
    budget.account(0.01, now);
  }
  return used;
}

TEST(CpuBudget, HoldsASpinnerToItsShare) {
  for (const double cpus : {0.25, 0.5, 1.5})
    EXPECT_NEAR(used_in_a_second(cpus, 2), cpus, cpus * 0.1) << cpus;
}

TEST(CpuBudget, LeavesWhoUsesLessAlone) {
  EXPECT_NEAR(used_in_a_second(0.5, 0.4), 0.4, 1e-9);
  CpuBudget budget(0.5);
  budget.account(10, 0);
  budget.account(0.01, 0.02);
  EXPECT_EQ(budget.pause(), 0);  // a short burst after a rest
  budget.account(0.01, 0.02);
  budget.account(0.01, 0.02);
  EXPECT_GT(budget.pause(), 0);  // and no long one
}

TEST(CpuBudget, KnowsWhoCannotBeHeld) {
  CpuBudget late(0.1);
  late.account(5, 10);  // nobody looked for long
  EXPECT_FALSE(late.is_beyond_holding());
  CpuBudget goes_on(0.1);
  for (int look = 0; look < 200; ++look) goes_on.account_standing(0.01, 0.01);
  EXPECT_TRUE(goes_on.is_beyond_holding());
}

}  // namespace
}  // namespace yett

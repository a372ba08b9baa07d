// How long notified calls took: counted by threads, told in turn, and none lost.
#include "supervisor/loop/call_times.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace yett {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

std::uint64_t all_of(const CallTimesReport& report, CallKind kind) {
  std::uint64_t all = 0;
  for (const std::uint32_t each : report.kinds[static_cast<std::size_t>(kind)].counts) all += each;
  return all;
}

// What lies on a bound is within it.
TEST(CallTimes, AreCountedByBounds) {
  std::vector<CallTimesReport> told;
  CallTimes times([&](const CallTimesReport& report) { return told.push_back(report), true; });
  EXPECT_FALSE(times.has_untold());
  times.tell();
  EXPECT_TRUE(told.empty()) << "nothing is nothing to tell";
  times.count(CallKind::opened, microseconds(5));
  times.count(CallKind::opened, nanoseconds(5001));
  times.count(CallKind::opened, std::chrono::hours(1));
  times.count(CallKind::refused, nanoseconds(0));
  EXPECT_TRUE(times.has_untold());
  times.tell();
  EXPECT_FALSE(times.has_untold());
  ASSERT_EQ(told.size(), 1U);
  const auto& opened = told[0].kinds[static_cast<std::size_t>(CallKind::opened)];
  EXPECT_EQ(opened.counts.front(), 1U);
  EXPECT_EQ(opened.counts[1], 1U);
  EXPECT_EQ(opened.counts.back(), 1U);
  EXPECT_EQ(opened.sum_ns, 3'600'000'000'000U + 10'001U);
  EXPECT_EQ(all_of(told[0], CallKind::refused), 1U);
  EXPECT_EQ(all_of(told[0], CallKind::lent), 0U);
}

TEST(CallTimes, WhatCouldNotBeToldIsToldLater) {
  bool listens = false;
  std::vector<CallTimesReport> told;
  CallTimes times([&](const CallTimesReport& report) {
    if (listens) told.push_back(report);
    return listens;
  });
  times.count(CallKind::emulated, microseconds(7));
  times.tell();
  EXPECT_TRUE(times.has_untold());
  times.count(CallKind::emulated, microseconds(8));
  listens = true;
  times.tell();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(all_of(told[0], CallKind::emulated), 2U);
  EXPECT_EQ(told[0].kinds[static_cast<std::size_t>(CallKind::emulated)].sum_ns, 15'000U);
}

TEST(CallTimes, NoneIsLostBetweenThreads) {
  constexpr int kEach = 20'000;
  std::uint64_t sum = 0;
  CallTimes times([&](const CallTimesReport& report) {
    sum += all_of(report, CallKind::let_run);
    return true;
  });
  std::vector<std::thread> counting;
  for (int i = 0; i < 3; ++i)
    counting.emplace_back([&times] {
      for (int call = 0; call < kEach; ++call) times.count(CallKind::let_run, microseconds(call));
    });
  for (int i = 0; i < 100; ++i) times.tell();
  for (std::thread& each : counting) each.join();
  times.tell();
  EXPECT_EQ(sum, 3U * kEach);
  EXPECT_FALSE(times.has_untold());
}

}  // namespace
}  // namespace yett

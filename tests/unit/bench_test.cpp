#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "bench/report.hpp"

namespace yett::bench {
namespace {

TEST(Summarise, GivesMedianAndQuartiles) {
  const Summary odd = summarise({3, 1, 2, 5, 4});
  EXPECT_DOUBLE_EQ(odd.median, 3);
  EXPECT_DOUBLE_EQ(odd.lower_quartile, 2);
  EXPECT_DOUBLE_EQ(odd.upper_quartile, 4);
  EXPECT_DOUBLE_EQ(summarise({1, 2}).median, 1.5);
  EXPECT_DOUBLE_EQ(summarise({}).median, 0);
}

TEST(Ratio, ComparesWithinEachRound) {
  // The machine was twice as slow in two rounds: the ratio does not see it.
  const auto found = ratio({30, 60, 30, 60, 30}, {10, 20, 10, 20, 10});
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->median, 3);
  EXPECT_DOUBLE_EQ(found->upper_quartile, 3);
}

TEST(Ratio, IsRefusedUnderFiveRoundsAndForUnequalOnes) {
  EXPECT_FALSE(ratio({1, 1, 1, 1}, {1, 1, 1, 1}));
  EXPECT_FALSE(ratio({1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}));
  EXPECT_FALSE(ratio({1, 1, 1, 1, 1}, {1, 1, 0, 1, 1}));
}

TEST(Volume, IsTwoNamesAndWhetherItMayBeWritten) {
  const auto both = parse_volume("/a:/b");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->source, "/a");
  EXPECT_EQ(both->destination, "/b");
  EXPECT_TRUE(both->writable);
  const auto read_only = parse_volume("/a:/b:ro");
  ASSERT_TRUE(read_only);
  EXPECT_EQ(read_only->destination, "/b");
  EXPECT_FALSE(read_only->writable);
  for (const char* wrong : {"", "/a", "/a:", ":/b", "/a:ro", ":ro"})
    EXPECT_FALSE(parse_volume(wrong)) << wrong;
}

TEST(TimeAtOnce, GivesEachStartANameOfItsOwn) {
  const std::string path = testing::TempDir() + "yett-bench-{}";
  const CommandLine make{"mkdir", path};
  ASSERT_TRUE(time_at_once(make, 3));  // mkdir fails for a name that is there already
  ASSERT_TRUE(time_at_once(make, 1));
  EXPECT_FALSE(time_at_once({"mkdir", testing::TempDir()}, 2));
  for (int i = 0; i < 4; ++i)
    ::rmdir(
        (testing::TempDir() + "yett-bench-" + std::to_string(::getpid()) + "-" + std::to_string(i))
            .c_str());
}

BenchResult sample(double yett_getpid) {
  BenchResult result;
  result.rounds = 5;
  result.measurements["getpid"]["native"] = Rounds(5, 100.0);
  result.measurements["getpid"]["yett"] = Rounds(5, yett_getpid);
  return result;
}

TEST(Goals, AreMetOrMissedByTheMedian) {
  const auto getpid_met = [](const BenchResult& result) {
    for (const GoalResult& judged : judge(result.measurements))
      if (judged.goal.measured == "getpid") return judged.met();
    return false;
  };
  EXPECT_TRUE(getpid_met(sample(114)));
  EXPECT_FALSE(getpid_met(sample(116)));
}

TEST(ResultTable, MarksGoals) {
  EXPECT_NE(result_table(sample(110), Colours::no).find("1.15: met"), std::string::npos);
  EXPECT_NE(result_table(sample(150), Colours::no).find("1.15: MISSED"), std::string::npos);
  BenchResult few = sample(110);
  few.rounds = 4;
  few.measurements["getpid"]["yett"].pop_back();
  const std::string text = result_table(few, Colours::no);
  EXPECT_NE(text.find("Fewer than 5 rounds"), std::string::npos);
  EXPECT_EQ(text.find("met"), std::string::npos);
}

TEST(ResultJson, KeepsEachRound) {
  const auto document = nlohmann::json::parse(result_json(sample(110)));
  EXPECT_EQ(document["measured"]["getpid"]["yett"]["rounds"].size(), 5U);
  EXPECT_DOUBLE_EQ(document["measured"]["getpid"]["yett"]["over_native"]["median"], 1.1);
  EXPECT_TRUE(document["goals"][0]["met"]);
}

}  // namespace
}  // namespace yett::bench

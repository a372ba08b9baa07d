// What `stats` and `top` show.
#include "runsc-like/cli/usage_table.hpp"

#include <gtest/gtest.h>

namespace yett {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

UsageRow row(const std::string& id, std::uint64_t cpu_ms, std::uint64_t memory) {
  return {.id = id,
          .made_of = "an-image-of-some-length",
          .age_ns = 100 * kSecond,
          .counted = true,
          .usage = {.cpu_ns = cpu_ms * 1'000'000,
                    .memory_bytes = memory,
                    .memory_limit = memory * 2,
                    .processes = 3,
                    .processes_limit = std::nullopt},
          .refusals = std::nullopt};
}

UsageLook before() {
  return {.at_ns = 0, .rows = {row("a", 1000, 1 << 20), row("b", 1000, 1 << 24)}};
}
UsageLook now() {
  return {.at_ns = 2 * kSecond,
          .rows = {row("a", 2000, 1 << 20), row("b", 1500, 1 << 24), row("new", 100, 4096)}};
}

// Which line tells of which row; -1: none does.
int line_of(const std::vector<std::string>& lines, const std::string& id) {
  for (std::size_t i = 2; i < lines.size(); ++i)
    if (lines[i].starts_with(id + " ")) return static_cast<int>(i);
  return -1;
}

TEST(UsageTable, ShareOfAProcessor) {
  const UsageLook then = before();
  const UsageLook later = now();
  EXPECT_DOUBLE_EQ(cpu_percent(then, later, later.rows[0]), 50);
  EXPECT_DOUBLE_EQ(cpu_percent(then, later, later.rows[1]), 25);
  EXPECT_DOUBLE_EQ(cpu_percent(then, later, later.rows[2]), 0.1) << "since it began";
  EXPECT_DOUBLE_EQ(cpu_percent({}, later, later.rows[0]), 2) << "since it began";
}

TEST(UsageTable, TopIsInTheOrderThatIsWanted) {
  using enum TopOrder;
  const auto lines_by = [](TopOrder order) {
    return top_lines(before(), now(), {.width = 80, .height = 24, .order = order, .first = 0});
  };
  EXPECT_EQ(line_of(lines_by(cpu), "a"), 2);
  EXPECT_EQ(line_of(lines_by(memory), "b"), 2);
  EXPECT_EQ(line_of(lines_by(id), "a"), 2);
  EXPECT_EQ(line_of(lines_by(id), "new"), 4);
  EXPECT_EQ(lines_by(processes).size(), 24U);
  EXPECT_NE(lines_by(cpu)[0].find("3 running, CPU 75.1 %"), std::string::npos) << lines_by(cpu)[0];
}

TEST(UsageTable, TopFitsAnyTerminal) {
  UsageLook many = now();
  for (int i = 0; i < 200; ++i)
    many.rows.push_back(row("sandbox-of-a-long-n\u00e4me-" + std::to_string(i), 1, 1ULL << 40));
  for (const std::size_t width : {1U, 20U, 59U, 60U, 80U, 120U, 500U})
    for (const std::size_t height : {1U, 2U, 3U, 24U, 300U}) {
      const auto lines = top_lines({}, many, {.width = width, .height = height});
      EXPECT_EQ(lines.size(), height);
      for (const std::string& line : lines) {
        std::size_t characters = 0;
        for (const char byte : line)
          characters += (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
        EXPECT_LE(characters, width) << line;
      }
    }
}

TEST(UsageTable, TopIsRolledNoFurtherThanItsEnd) {
  const auto lines =
      top_lines({}, now(), {.width = 80, .height = 5, .order = TopOrder::id, .first = 50});
  EXPECT_EQ(line_of(lines, "b"), 2);
  EXPECT_EQ(line_of(lines, "new"), 3);
}

TEST(UsageTable, JsonTellsWhatIsKnown) {
  UsageLook later = now();
  later.rows[0].refusals = 7;
  const std::string text = usage_json(before(), later);
  EXPECT_NE(text.find(R"("id":"a","of":"an-image-of-some-length")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("cpuHundredthsOfPercent":5000)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("refusals":7)"), std::string::npos) << text;
  EXPECT_EQ(text.find("pidsLimit"), std::string::npos) << text;
}

}  // namespace
}  // namespace yett

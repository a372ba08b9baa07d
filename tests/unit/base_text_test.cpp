#include <gtest/gtest.h>

#include <array>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "base/toml_text.hpp"

namespace yett {
namespace {

TEST(ParseDecimal, TakesDigitsOnly) {
  EXPECT_EQ(parse_decimal("0"), 0U);
  EXPECT_EQ(parse_decimal("18446744073709551615"), UINT64_MAX);
  for (const char* bad :
       {"", "-1", "+1", " 0", "0 ", "01", "0x0", "1:2:3", "18446744073709551616", "1.5"})
    EXPECT_FALSE(parse_decimal(bad)) << bad;
}

TEST(ParseDecimal, HoldsItsBound) {
  EXPECT_TRUE(parse_decimal("4294967295", UINT32_MAX));
  EXPECT_FALSE(parse_decimal("4294967296", UINT32_MAX));
}

TEST(ParseSize, TakesBinaryMultiples) {
  EXPECT_EQ(parse_size("64M"), 64ULL << 20);
  EXPECT_EQ(parse_size("1g"), 1ULL << 30);
  EXPECT_EQ(parse_size("4096"), 4096U);
  for (const char* bad : {"", "M", "-1M", "1.5G", "64MB", "99999999999999T"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(ParseDuration, TakesUnits) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("30s"), 30'000ms);
  EXPECT_EQ(parse_duration("2"), 2'000ms);
  for (const char* bad : {"", "s", "-1s", "1.5s", "1d", "999999999999999999h"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(NearestName, FindsTypingErrorsOnly) {
  static constexpr std::array<std::string_view, 3> kNames{"memory", "pids", "cpu"};
  EXPECT_EQ(nearest_name("memmory", kNames), "memory");
  EXPECT_FALSE(nearest_name("zebra-crossing", kNames));
}

std::uint32_t fault_column(std::string_view text) {
  const auto fault = find_toml_fault(text);
  return fault ? fault->at.column : 0;
}

std::uint32_t fault_line(std::string_view text) {
  const auto fault = find_toml_fault(text);
  return fault ? fault->at.line : 0;
}

TEST(FindTomlFault, FindsHeadersWithoutAName) {
  EXPECT_EQ(fault_line("a = 1\n[;x]\n"), 2U);
  EXPECT_EQ(fault_column("a = 1\n[;x]\n"), 2U);
  EXPECT_EQ(fault_column("[[/x]]"), 3U);
  EXPECT_EQ(fault_column("["), 1U);
  EXPECT_EQ(fault_column("[a]\n [[ 'b' ]]\nc = [1]\n"), 0U);
  EXPECT_EQ(fault_column(""), 0U);
}

TEST(FindTomlFault, KnowsListsAndStrings) {
  EXPECT_EQ(fault_column("a = [\n[],\n[\n1]\n]\n"), 0U);
  EXPECT_EQ(fault_column("a = \"\"\"\n[;x]\n\"\"\"\nb = '''\n[;x]'''''\n"), 0U);
  EXPECT_EQ(fault_line("a = \"\"\"x\"\"\"\"\"\n[;x]\n"), 2U);
  EXPECT_EQ(fault_line("a = '[\n[;x]\n"), 2U);
}

TEST(FindTomlFault, KeepsStrangeCharactersInStringsAndComments) {
  EXPECT_EQ(fault_column("a = \"grüß\" # für\nb = 'é'\n'ö' = 1\n"), 0U);
  EXPECT_EQ(fault_column("\xEF\xBB\xBF# with a mark"), 0U);
  EXPECT_EQ(fault_column("ab = \xef\xb3\xbf"), 6U);
  EXPECT_EQ(fault_column("\xEF\xBB\xBF\xef\xb3\xbf"), 4U);
  EXPECT_EQ(fault_column("a = \"\\ü\""), 7U);
  EXPECT_EQ(fault_line("a = \"\"\"\\\n ü\"\"\""), 2U);
  EXPECT_EQ(fault_column("a = '\\ü'"), 0U);
}

TEST(FindTomlFault, FindsControlCharacters) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(fault_column("a = '\0'"sv), 6U);
}

TEST(EscapeForTerminal, LeavesNoControlBytes) {
  EXPECT_EQ(escape_for_terminal("a\x1b[31mb\r\n"), "a\\x1b[31mb\\x0d\\x0a");
  EXPECT_EQ(escape_for_terminal("grüß"), "grüß");
  EXPECT_EQ(escape_for_terminal("\xff\xc2\x9b"), "\\xff\\xc2\\x9b");
}

TEST(FindControlCharacter, AllowsBlanksOnly) {
  using std::string_view_literals::operator""sv;
  EXPECT_FALSE(find_control_character("a\tb\r\n\xc3\xbc"));
  EXPECT_EQ(find_control_character("ab\0"sv), 2U);
  EXPECT_EQ(find_control_character("\x7f"), 0U);
}

TEST(PositionIn, CountsFromOne) {
  EXPECT_EQ(position_in("ab\ncd", 4).line, 2U);
  EXPECT_EQ(position_in("ab\ncd", 4).column, 2U);
  EXPECT_EQ(position_in("", 0).column, 1U);
}

TEST(TimeText, IsOfUtcAndReadBackAsItWas) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::pair<std::int64_t, const char*> kTimes[] = {
      {0, "1970-01-01T00:00:00.000000000Z"},
      {1, "1970-01-01T00:00:00.000000001Z"},
      {951'782'400 * kSecond, "2000-02-29T00:00:00.000000000Z"},
      {1'798'761'599 * kSecond + 999'999'999, "2026-12-31T23:59:59.999999999Z"},
  };
  for (const auto& [time, text] : kTimes) {
    EXPECT_EQ(format_time(time), text);
    EXPECT_EQ(parse_time(text), time);
  }
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999999999Z");
}

}  // namespace
}  // namespace yett

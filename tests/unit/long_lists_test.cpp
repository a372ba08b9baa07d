// Long lists are read by ourselves, and as the parser would: a policy that holds three quotation
// marks in a comment is the parser's alone.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "sandbox/policy/long_lists.hpp"
#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

constexpr std::size_t kMany = 100;
constexpr std::string_view kParsersAlone = "\n# \"\"\"\n";

using Between = std::function<std::string(std::size_t)>;

std::string entry(std::size_t number) {
  return "\"tcp://10.0." + std::to_string(number) + ".1:443\"";
}

std::string list_of(const Between& before, std::size_t count = kMany) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += before(i) + entry(i) + ",";
  return text;
}

// What a reader could tell apart: the policy and where each rule stands, or the errors.
std::string outcome_of(const std::string& text) {
  const auto policy = parse_policy(text, "p.toml");
  if (!policy) return policy.error().message();
  std::string outcome = canonical_policy(*policy);
  for (const EndpointRule& rule : policy->network.connect)
    outcome += rule.source.text() + " " + rule.text + "\n";
  for (const PathRule& rule : policy->files.read) outcome += rule.source.text() + "\n";
  outcome += policy->exec.written_files_source.text();
  return outcome;
}

// With something behind the list whose place is told, too.
std::string document(const std::string& list) {
  return "[network]\nmode = \"host\"\n  connect\t= [" + list + "]\nlisten = []\n[exec]\n" +
         "written_files = false\n[files]\nread = [\"/srv\"]\n";
}

struct Case {
  const char* name;
  std::string list;
};

std::vector<Case> taken_lists() {
  return {
      {"one line", list_of([](std::size_t) { return ""; })},
      {"blanks", list_of([](std::size_t) { return " \t"; }) + " "},
      {"a line each", list_of([](std::size_t) { return "\n  "; }) + "\n"},
      {"lines of DOS", list_of([](std::size_t) { return "\r\n"; }) + "\r\n"},
      {"comments", list_of([](std::size_t) { return " # [a], \"b\" 'c\n"; }) + "# end ]\n"},
      {"no last comma", list_of([](std::size_t) { return "\n"; }) + entry(200) + "\n"},
  };
}

TEST(LongLists, AreReadAsTheParserReadsThem) {
  for (const Case& each : taken_lists()) {
    const std::string text = document(each.list);
    EXPECT_EQ(take_long_lists(text).lists.size(), 1U) << each.name;
    EXPECT_TRUE(parse_policy(text, "p.toml")) << each.name << outcome_of(text);
    EXPECT_EQ(outcome_of(text), outcome_of(text + std::string(kParsersAlone))) << each.name;
  }
}

TEST(LongLists, WhatIsNotPlainIsLeftToTheParser) {
  const std::string plain = list_of([](std::size_t) { return ""; });
  for (const std::string& list :
       {plain + R"("tcp://10.0.0.1:\u0038")", plain + "'tcp://10.0.0.1:8'", plain + "7",
        plain + "[]", plain + "{}", plain + ",", plain + "\"tcp://*:8", plain + "\"t\xC3\xA4\"",
        plain + "# \xC3\xA4\n", plain + entry(1) + entry(2), plain + "# to the end", "," + plain,
        plain + "\"a\tb\"", plain + "\"a\x01\"", plain + "\r" + entry(1),
        plain + "] # behind\n["}) {
    const std::string text = document(list);
    EXPECT_TRUE(take_long_lists(text).lists.empty()) << list.substr(plain.size());
    EXPECT_EQ(take_long_lists(text).text, text);
    EXPECT_EQ(outcome_of(text), outcome_of(text + std::string(kParsersAlone)));
  }
}

TEST(LongLists, AreTakenWhereAKeyBeginsItsLineAndNothingFollows) {
  const std::string list = "[" + list_of([](std::size_t) { return ""; }) + "]";
  EXPECT_EQ(take_long_lists("a = " + list).lists.size(), 1U);
  EXPECT_EQ(take_long_lists("a = " + list + "\n\nb-1_C =" + list + " \n").lists.size(), 2U);
  for (const char* before : {"a.b = ", "\"a\" = ", "# a = ", "x = { a = ", "a = [", "a ", "= ", ""})
    EXPECT_TRUE(take_long_lists(before + list).lists.empty()) << before;
  for (const char* behind : {" # x", " b = 1", ", 1]", " }", "\r"})
    EXPECT_TRUE(take_long_lists("a = " + list + behind).lists.empty()) << behind;
  EXPECT_TRUE(take_long_lists("t = \"\"\"\na = " + list + "\n\"\"\"").lists.empty());
  EXPECT_TRUE(take_long_lists("t = '''\na = " + list + "\n'''").lists.empty());
}

TEST(LongLists, ShortOnesStay) {
  const std::string text = "a = [" + list_of([](std::size_t) { return ""; }, 10) + "]\n";
  EXPECT_TRUE(take_long_lists(text).lists.empty());
  EXPECT_EQ(take_long_lists(text).text, text);
}

TEST(LongLists, MistakesAreToldAtTheirPlaces) {
  const std::string lines = list_of([](std::size_t) { return "\n"; });
  const std::string wrong = lines + "\n \"tcp://10.0.0.1\",\n\"nonsense\"\n";
  for (const std::string& text :
       {document(wrong), "[network]\nconect = [" + lines + "]\n", "extends = [" + lines + "]\n",
        "[files]\nread = [" + lines + "]\n", "[files]\ntmpfs = [" + lines + "]\n",
        "[network]\nconnect = [" + lines + "]\nconnect = [" + lines + "]\n",
        "[syscalls]\nallow = [" + lines + "]\n", "extends = \"none\"\n" + document(lines),
        "x = [\nconnect = [" + lines + "]\n]\n", "[network\nconnect = [" + lines + "]\n",
        document(lines) + "\n\x01"}) {
    const std::string told = outcome_of(text);
    EXPECT_FALSE(parse_policy(text, "p.toml"));
    EXPECT_EQ(told, outcome_of(text + std::string(kParsersAlone)));
  }
  EXPECT_NE(outcome_of(document(wrong)).find("p.toml:104:2: endpoint 'tcp://10.0.0.1'"),
            std::string::npos)
      << outcome_of(document(wrong));
}

}  // namespace
}  // namespace yett

#include "runsc-like/cli/command_line.hpp"

#include <gtest/gtest.h>

namespace yett {
namespace {

struct Given {
  bool flag = false;
  bool other = false;
  std::string value = "default";
  std::string alone;
  std::vector<std::string> list;
};

struct Parsed {
  Given given;
  CommandLine line;
  std::string problem;
};

std::vector<Option> options_into(Given& given) {
  return {{'f', "flag", "", "", &given.flag},
          {'o', "other", "", "", &given.other},
          {'v', "value", "VALUE", "", &given.value},
          {0, "alone", "A|B", "", &given.alone, "Options", "a"},
          {'l', "list", "ENTRY", "", &given.list}};
}

Parsed parse(std::vector<std::string> words) {
  Parsed parsed;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  auto line = parse_command_line(options_into(parsed.given), pointers);
  if (line)
    parsed.line = *std::move(line);
  else
    parsed.problem = line.error();
  return parsed;
}

TEST(CommandLine, EachWayOfGivingAValue) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--value", "x"}, {"--value=x"}, {"-v", "x"}, {"-vx"}, {"-v=x"}, {"-fvx"}})
    EXPECT_EQ(parse(words).given.value, "x") << words[0];
  EXPECT_EQ(parse({}).given.value, "default");
  EXPECT_EQ(parse({"--value="}).problem, "--value: its value is empty");
  EXPECT_EQ(parse({"--value=-x"}).given.value, "-x");
  EXPECT_EQ(parse({"-v", "-"}).given.value, "-");
}

TEST(CommandLine, FlagsTogether) {
  const Parsed parsed = parse({"-fo", "place"});
  EXPECT_TRUE(parsed.given.flag && parsed.given.other);
  EXPECT_EQ(parsed.line.places, std::vector<std::string>{"place"});
}

TEST(CommandLine, ListsKeepEverythingInOrder) {
  EXPECT_EQ(parse({"-l", "a", "--list=b", "-lc"}).given.list,
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(split_at_commas({"a,b", "c", ""}), (std::vector<std::string>{"a", "b", "c", ""}));
}

TEST(CommandLine, TheBareNameTakesNoWordAfterIt) {
  const Parsed parsed = parse({"--alone", "b"});
  EXPECT_EQ(parsed.given.alone, "a");
  EXPECT_EQ(parsed.line.places, std::vector<std::string>{"b"});
  EXPECT_EQ(parse({"--alone=b"}).given.alone, "b");
}

TEST(CommandLine, AfterTwoDashesAndASingleOneAreNoOptions) {
  const Parsed parsed = parse({"-", "--", "-f", "--nothing"});
  EXPECT_FALSE(parsed.given.flag);
  EXPECT_EQ(parsed.line.places, (std::vector<std::string>{"-", "-f", "--nothing"}));
}

TEST(CommandLine, HelpIsNoError) {
  EXPECT_TRUE(parse({"--help"}).line.help);
  EXPECT_TRUE(parse({"-fh"}).line.help);
}

TEST(CommandLine, ProblemsNameTheWord) {
  EXPECT_EQ(parse({"--vlaue", "x"}).problem, "--vlaue: no such option; did you mean --value?");
  EXPECT_EQ(parse({"-x"}).problem, "-x: no such option");
  EXPECT_EQ(parse({"--value"}).problem, "--value: VALUE is missing");
  EXPECT_EQ(parse({"--value", "--flag"}).problem, "--value: VALUE is missing");
  EXPECT_EQ(parse({"-v", "x", "--value", "y"}).problem, "--value: given twice");
  EXPECT_EQ(parse({"--flag=yes"}).problem, "--flag: takes no value");
}

TEST(CommandLine, HelpShowsEachGroupAndOption) {
  Given given;
  const std::string text =
      help_text({.description = "What it is.", .usage = "it [OPTIONS]", .examples = "Example: it"},
                options_into(given));
  for (const char* part : {"Usage: it [OPTIONS]\n", "\nOptions:\n", "  -v, --value VALUE",
                           "      --alone[=A|B]", "  -h, --help", "Example: it\n"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
}

constexpr Option kRuncs[]{{'p', "pid-file", "FILE", ""},
                          {0, "memory", "SIZE", ""},
                          {'d', "detach", "", ""},
                          {'t', "tty", "", ""}};

CommandLine parse_runcs(std::vector<std::string> words, std::size_t places_before_rest = SIZE_MAX) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  auto line = parse_command_line(kRuncs, pointers,
                                 {.runcs = true, .places_before_rest = places_before_rest});
  if (line) return *std::move(line);
  return {.places = {"wrong: " + line.error()}};
}

TEST(RuncsCommandLine, EachWayOfGivingAValue) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--pid-file", "x", "id"},
                                             {"--pid-file=x", "id"},
                                             {"-pid-file", "x", "id"},
                                             {"-pid-file=x", "id"},
                                             {"-p", "x", "id"},
                                             {"-p=x", "id"},
                                             {"id", "--pid-file", "x"}}) {
    const CommandLine line = parse_runcs(words);
    EXPECT_EQ(line.value("pid-file"), "x") << words[0];
    EXPECT_EQ(line.places, std::vector<std::string>{"id"}) << words[0];
  }
}

TEST(RuncsCommandLine, ValuesThatLookLikeOptionsAndTheLastOfSeveral) {
  EXPECT_EQ(parse_runcs({"--memory", "-1"}).value("memory"), "-1");
  EXPECT_EQ(parse_runcs({"--memory="}).value("memory", "none"), "");
  const CommandLine twice = parse_runcs({"--memory", "1", "--memory", "2"});
  EXPECT_EQ(twice.value("memory"), "2");
  EXPECT_EQ(twice.all("memory"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(parse_runcs({}).value("memory", "none"), "none");
}

TEST(RuncsCommandLine, FlagsAreSaidToBeFalse) {
  EXPECT_TRUE(parse_runcs({"--detach"}).has("detach"));
  EXPECT_TRUE(parse_runcs({"--detach=true"}).has("detach"));
  EXPECT_FALSE(parse_runcs({"--detach=false"}).has("detach"));
  EXPECT_FALSE(parse_runcs({"-d", "--detach=false"}).has("detach"));
  const CommandLine both = parse_runcs({"-dt"});
  EXPECT_TRUE(both.has("detach") && both.has("tty"));
}

TEST(RuncsCommandLine, TheRestIsNotRead) {
  const CommandLine line = parse_runcs({"-t", "id", "ls", "-d", "--", "--help"}, 1);
  EXPECT_EQ(line.places, (std::vector<std::string>{"id", "ls", "-d", "--", "--help"}));
  EXPECT_FALSE(line.help || line.has("detach"));
  EXPECT_TRUE(parse_runcs({"id", "--help"}).help);
}

TEST(RuncsCommandLine, WhatIsWrongIsNamed) {
  EXPECT_EQ(parse_runcs({"--detatch"}).places[0],
            "wrong: --detatch: no such option; did you mean --detach?");
  EXPECT_EQ(parse_runcs({"--memory"}).places[0], "wrong: --memory: SIZE is missing");
  EXPECT_EQ(parse_runcs({"--detach=perhaps"}).places[0], "wrong: --detach: true or false");
}

}  // namespace
}  // namespace yett

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sandbox/package/manifest.hpp"

namespace yett {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string error_of(std::string_view text) {
  const auto manifest = parse_manifest(text, "app.sqfs:/yett.toml");
  return manifest ? "" : manifest.error().message();
}

TEST(PackageManifest, ReadsEveryKey) {
  const auto manifest = parse_manifest(R"(
name = "greeter"
version = "1.2.0"
command = ["/usr/bin/python3", "/app/main.py", "hello world"]
workdir = "/app"
[env]
LANG = "C.UTF-8"
EMPTY = ""
[policy.limits]
memory = "64M"
)",
                                       "m");
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_TRUE(manifest->present);
  EXPECT_EQ(manifest->name, "greeter");
  EXPECT_EQ(manifest->version, "1.2.0");
  EXPECT_THAT(manifest->command, ElementsAre("/usr/bin/python3", "/app/main.py", "hello world"));
  EXPECT_THAT(manifest->environment, ElementsAre("EMPTY=", "LANG=C.UTF-8"));
  EXPECT_EQ(manifest->working_directory, "/app");
  EXPECT_THAT(manifest->policy_toml, HasSubstr("\"limits\".\"memory\" = \"64M\""));
}

TEST(PackageManifest, EmptyTextIsAManifestThatAsksForNothing) {
  const auto manifest = parse_manifest("", "m");
  ASSERT_TRUE(manifest);
  EXPECT_TRUE(manifest->present);
  EXPECT_TRUE(manifest->command.empty());
  EXPECT_TRUE(manifest->policy_toml.empty());
}

TEST(PackageManifest, CommandAsOneStringIsSplit) {
  const auto manifest = parse_manifest(R"(command = "/bin/sh -c 'echo  a' \"b c\" ''")", "m");
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_THAT(manifest->command, ElementsAre("/bin/sh", "-c", "echo  a", "b c", ""));
}

TEST(PackageManifest, ErrorsNameFileLineColumnAndTheNearestKey) {
  EXPECT_EQ(error_of("name = \"a\"\ncomand = \"x\"\n"),
            "app.sqfs:/yett.toml:2:1: unknown key 'comand' (did you mean 'command'?)");
  EXPECT_THAT(error_of("name = \n"), HasSubstr("app.sqfs:/yett.toml:1:"));
}

TEST(PackageManifest, AllErrorsAreTold) {
  const std::string text = error_of("nme = 1\nworkdir = \"tmp\"\ncommand = []\n");
  EXPECT_THAT(text, HasSubstr(":1:1: unknown key 'nme'"));
  EXPECT_THAT(text, HasSubstr(":2:11: workdir must be"));
  EXPECT_THAT(text, HasSubstr(":3:11: command must be"));
}

TEST(PackageManifest, RefusesWhatCannotBeMeant) {
  for (const char* bad : {"name = \"../x\"",
                          "name = \"-x\"",
                          "name = \"\"",
                          "name = \"a\\nb\"",
                          "name = 3",
                          "version = \"1 2\"",
                          "command = 3",
                          "command = \"\"",
                          "command = \"'a\"",
                          "command = [\"a\\u0000\"]",
                          "command = [1]",
                          "command = [\"\"]",
                          "workdir = \"/a/../b\"",
                          "workdir = \"/a\\u0000\"",
                          "env = 1",
                          "env = { \"A B\" = \"x\" }",
                          "env = { A = 1 }",
                          "env = { \"A=B\" = \"x\" }",
                          "env = { A = \"x\\u0000\" }",
                          "policy = 1",
                          "\xff",
                          "[[name]]"})
    EXPECT_NE(error_of(bad), "") << bad;
}

TEST(PackageManifest, RefusesTooMuchText) {
  EXPECT_EQ(error_of(std::string(kMaxManifestBytes, '\n')), "");
  EXPECT_THAT(error_of(std::string(kMaxManifestBytes + 1, '\n')), HasSubstr("larger than 65536"));
}

TEST(PackageManifest, DeepNestingIsAnErrorAndNoCrash) {
  EXPECT_NE(error_of("policy = " + std::string(30000, '[')), "");
  EXPECT_NE(error_of("command = " + std::string(30000, '[') + std::string(30000, ']')), "");
}

TEST(PackageManifest, ControlCharactersAreErrorsAndNoCrash) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(error_of("a = 1\n [\0policy]"sv),
            "app.sqfs:/yett.toml:2:3: a control character is not allowed in TOML");
  EXPECT_NE(error_of("name = \"a\x7f\""), "");
  EXPECT_EQ(error_of("name = \"a\"\r\n\t# comment\r\n"), "");
}

TEST(PackageManifest, NamesAreMadeSafeForATerminal) {
  EXPECT_THAT(error_of("\"a\\u001b[2J\" = 1"), HasSubstr("\\x1b[2J"));
}

TEST(PolicyText, KeepsLinesAndQuotesEverything) {
  const auto manifest = parse_manifest(R"(name = "x"
[policy]
extends = "plugin"
[policy.files]
read = ["/usr",
        "/a\"b"]
tmpfs = { "/tmp" = "64M" }
[policy.limits]
cpu = 1.5
pids = 64
[policy.exec]
memfd = false
)",
                                       "m");
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_EQ(manifest->policy_toml,
            "\n\n\"extends\" = \"plugin\"\n\n\"files\".\"read\" = [\"/usr\", \"/a\\\"b\"]\n\n"
            "\"files\".\"tmpfs\" = {\"/tmp\" = \"64M\"}\n\n\"limits\".\"cpu\" = 1.5\n"
            "\"limits\".\"pids\" = 64\n\n\"exec\".\"memfd\" = false\n");
}

TEST(PolicyText, WhatItWritesParsesToTheSame) {
  const char* document = R"([policy]
a = [1, 2.0, true, 1979-05-27, 07:32:00, 1979-05-27T07:32:00]
s = "\u0000\u001b\\ \" ü"
i = { x = 1, y = [ { z = inf } ] }
[policy.empty]
[[policy.list]]
k = 1
[[policy.list]]
k = 2
)";
  const auto first = parse_manifest(document, "m");
  ASSERT_TRUE(first) << first.error().message();
  const auto second = parse_manifest("[policy]\n" + first->policy_toml, "m");
  ASSERT_TRUE(second) << second.error().message() << "\n" << first->policy_toml;
  const auto third = parse_manifest("[policy]\n" + second->policy_toml, "m");
  ASSERT_TRUE(third);
  const auto without_blank = [](std::string text) {
    text.erase(0, text.find_first_not_of('\n'));
    return text;
  };
  EXPECT_EQ(without_blank(second->policy_toml), without_blank(third->policy_toml));
}

}  // namespace
}  // namespace yett

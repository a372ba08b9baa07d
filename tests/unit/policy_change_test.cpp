// Changes of policies: as text, applied to a document, and told apart by `policy diff`.
#include "sandbox/policy/policy_change.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/policy/policy_diff.hpp"
#include "sandbox/policy/policy_document.hpp"

namespace yett {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PolicyChange tmpfs_size(const char* path, const char* size) {
  PolicyChange change = set_value("files", "tmpfs", size);
  change.entry = path;
  return change;
}

TEST(PolicyChange, IsReadBackFromItsText) {
  const std::vector<PolicyChange> changes{
      add_to("files", "read", "/srv/a \"b\"\\;\n"), remove_from("files", "deny", "/usr/bin/ssh"),
      set_value("network", "mode", "\"host\""), tmpfs_size("/tmp", "1024"),
      set_value("exec", "written_files", "true")};
  const auto read = parse_changes(changes_text(changes));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, changes);
}

TEST(PolicyChange, OtherSpellingsMeanTheSame) {
  for (const char* text : {"[syscalls] allow += [\"ptrace\"]", "syscalls.allow += [\"ptrace\"]",
                           "[syscalls] allow = [ \"ptrace\" ]"}) {
    const auto read = parse_changes(text);
    ASSERT_TRUE(read) << text;
    EXPECT_THAT(*read, ElementsAre(add_to("syscalls", "allow", "ptrace"))) << text;
  }
}

TEST(PolicyChange, WhatIsNoneIsRefused) {
  for (const char* text :
       {"read += [\"/a\"]", "[files] read", "[files] read += [\"/a\"", "[files] read += [\"/a",
        "[files] read -= 7", "[files] read += [\"\\x\"]", "[files] read += [\"/a\"] [files]"})
    EXPECT_FALSE(parse_changes(text)) << text;
  EXPECT_THAT(*parse_changes(""), IsEmpty());
}

TEST(PolicyDocument, KeepsWhatAChangeDoesNotTouch) {
  const char* before =
      "# why\nextends = \"rvisor\"\n[files]\nread = [\"/a\", \"/b\"]\ndeny = [\"/b/c\"]\n"
      "tmpfs = { \"/tmp\" = \"1M\", \"/t\" = 8192 }\n[limits]\ncpu = 1.5\npids = 7\n";
  auto document = read_policy_document(before, "before.toml");
  ASSERT_TRUE(document) << document.error().message();
  for (const PolicyChange& change :
       {add_to("files", "read", "/c"), add_to("files", "read", "/a"),
        remove_from("files", "deny", "/b/c"), tmpfs_size("/tmp", "4096")})
    apply_change(*document, change);
  EXPECT_EQ(document_text(*document),
            "extends = \"rvisor\"\n\n[files]\ndeny = []\nread = [\"/a\", \"/b\", \"/c\"]\n"
            "tmpfs = { \"/t\" = 8192, \"/tmp\" = 4096 }\n\n[limits]\ncpu = 1.5\npids = 7\n");
  EXPECT_TRUE(parse_policy(document_text(*document), "after.toml"));
}

TEST(PolicyDocument, OfABuiltInChangesNothing) {
  for (const std::string_view name : builtin_policy_names()) {
    const auto policy = parse_policy(document_text(extend_builtin(name)), "it.toml");
    ASSERT_TRUE(policy) << name;
    EXPECT_EQ(hash_policy(*policy), hash_policy(*make_builtin_policy(name))) << name;
  }
}

std::vector<std::string> differences(const char* before, const char* after) {
  std::vector<std::string> texts;
  for (const PolicyDifference& each :
       diff_policies(*parse_policy(before, "old.toml"), *parse_policy(after, "new.toml")))
    texts.push_back((each.direction == Direction::wider      ? "wider "
                     : each.direction == Direction::narrower ? "narrower "
                                                             : "other ") +
                    each.text);
  return texts;
}

TEST(PolicyDiff, TellsWhichWayEachRuleGoes) {
  EXPECT_THAT(differences("", ""), IsEmpty());
  EXPECT_THAT(
      differences("[files]\nread = [\"/a\"]\ndeny = [\"/usr/bin/ssh\"]\n",
                  "[files]\nread = [\"/b\"]\n[syscalls]\nallow = [\"ptrace\"]\n"
                  "[limits]\npids = 7\nmemory = \"1G\"\n"),
      ElementsAre("wider + files.read /b", "narrower - files.read /a",
                  "wider - files.deny /usr/bin/ssh", "wider ~ syscalls.ptrace: EPERM -> allow",
                  "narrower ~ limits.memory none -> 1073741824",
                  "narrower ~ limits.pids 256 -> 7"));
}

}  // namespace
}  // namespace yett

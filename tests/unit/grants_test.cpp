// Questions: how many, how long, what is remembered; what is asked about at all; frames.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "ioctl_uapi/grant_protocol.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/profiles/argument_profiles.hpp"
#include "supervisor/emulate/one_root.hpp"
#include "supervisor/grants/asked_file.hpp"
#include "supervisor/grants/question_table.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const QuestionTable::Clock::time_point kNow{seconds(1000)};

SyscallRule rule_for(std::string_view name, SyscallAction action, ArgumentConditions when = {}) {
  SyscallRule rule;
  rule.name = name;
  rule.action = action;
  rule.when = when;
  return rule;
}

// SECURITY(one-root): where a program could have a root of its own, none is kept for another.
TEST(OneRoot, IsThereWhereNobodyCanTakeAnother) {
  using enum SyscallAction;
  const ArgumentProfile* clone = find_argument_profile("clone");
  ASSERT_NE(clone, nullptr);
  EXPECT_TRUE(has_one_root({}));
  EXPECT_TRUE(
      has_one_root({.rules = {rule_for("clone", allow, clone->when), rule_for("chroot", refuse)}}));
  EXPECT_FALSE(has_one_root({.rules = {rule_for("clone", allow)}}));
  EXPECT_FALSE(has_one_root({.rules = {rule_for("clone3", log)}}));
  for (const char* changes : {"chroot", "pivot_root", "setns", "unshare"})
    EXPECT_FALSE(has_one_root({.rules = {rule_for(changes, allow)}})) << changes;
}

TEST(QuestionTable, NumbersAreNeverUsedTwice) {
  QuestionTable table(milliseconds(500));
  EXPECT_EQ(table.open(kNow), 1U);
  EXPECT_TRUE(table.close(1));
  EXPECT_FALSE(table.close(1));
  EXPECT_EQ(table.open(kNow), 2U);
  EXPECT_FALSE(table.is_open(1));
  EXPECT_TRUE(table.is_open(2));
  EXPECT_EQ(table.end_of(2), kNow + milliseconds(500));
}

// No longer than the policy says.
TEST(QuestionTable, WhoAsksMayWaitAShorterTime) {
  QuestionTable table(seconds(30));
  EXPECT_EQ(table.open(kNow, milliseconds(200)), 1U);
  EXPECT_EQ(table.open(kNow, seconds(31)), 2U);
  EXPECT_EQ(table.end_of(1), kNow + milliseconds(200));
  EXPECT_EQ(table.end_of(2), kNow + seconds(30));
}

TEST(QuestionTable, SoManyAreOpenAtOnce) {
  QuestionTable table(seconds(30));
  for (std::size_t i = 0; i < QuestionTable::kMostOpen; ++i) EXPECT_TRUE(table.open(kNow));
  EXPECT_FALSE(table.open(kNow));
  EXPECT_TRUE(table.close(3));
  EXPECT_TRUE(table.open(kNow));
}

// SECURITY(question-flood): a sandbox that asks again as soon as it was answered gets no more than
// one question a second in the end.
TEST(QuestionTable, SoManyAreAskedInATime) {
  QuestionTable table(seconds(30));
  int asked = 0;
  for (int i = 0; i < 1000; ++i)
    if (const auto question = table.open(kNow)) {
      EXPECT_TRUE(table.close(*question));
      ++asked;
    }
  EXPECT_EQ(asked, QuestionTable::kBurst);
  EXPECT_TRUE(table.open(kNow + seconds(2)));
}

TEST(QuestionTable, WhatMayBeWrittenMayBeRead) {
  QuestionTable table(seconds(30));
  const QuestionTable::Subject read{.device = 1, .inode = 2, .for_write = false};
  const QuestionTable::Subject write{.device = 1, .inode = 2, .for_write = true};
  const QuestionTable::Subject other{.device = 1, .inode = 3, .for_write = false};
  EXPECT_TRUE(table.remember(read));
  EXPECT_TRUE(table.is_remembered(read));
  EXPECT_FALSE(table.is_remembered(write));
  EXPECT_FALSE(table.is_remembered(other));
  EXPECT_TRUE(table.remember(write));
  EXPECT_TRUE(table.is_remembered(write));
}

TEST(QuestionTable, SoManyAreRemembered) {
  QuestionTable table(seconds(30));
  for (std::size_t i = 0; i < QuestionTable::kMostRemembered; ++i)
    EXPECT_TRUE(table.remember({.device = 1, .inode = i, .for_write = false}));
  EXPECT_FALSE(table.remember({.device = 2, .inode = 0, .for_write = false}));
}

TEST(AskedFile, OnlyWhatThePolicyNames) {
  const AskPlan all{.opens = true, .within = {}, .never = {"/srv/keys"}};
  EXPECT_TRUE(may_ask_about(all, "/srv/data/a"));
  EXPECT_TRUE(may_ask_about(all, "/srv/keysofothers"));
  for (const char* path : {"", "/srv/keys", "/srv/keys/a", "/proc/1/mem", "/dev/sda", "/sys/x"})
    EXPECT_FALSE(may_ask_about(all, path)) << path;
  const AskPlan some{.opens = true, .within = {"/srv"}, .never = {}};
  EXPECT_TRUE(may_ask_about(some, "/srv/data/a"));
  EXPECT_FALSE(may_ask_about(some, "/srvother/a"));
  EXPECT_FALSE(may_ask_about(some, "/etc/hosts"));
}

TEST(GrantProtocol, TakesWholeRequestsOnly) {
  const GrantRequest good{.command = GrantCommand::always, .question = 7};
  const auto read = read_grant_request(&good, sizeof good);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->command, GrantCommand::always);
  EXPECT_EQ(read->question, 7U);
  std::array<char, sizeof good + 1> bytes{};
  std::memcpy(bytes.data(), &good, sizeof good);
  for (std::size_t size = 0; size <= bytes.size(); ++size)
    EXPECT_EQ(read_grant_request(bytes.data(), size).has_value(), size == sizeof good) << size;
  GrantRequest bad = good;
  bad.magic ^= 1;
  EXPECT_FALSE(read_grant_request(&bad, sizeof bad));
  for (const std::uint32_t command : {0U, 6U, 0xFFFFFFFFU}) {
    bad = good;
    std::memcpy(&bad.command, &command, sizeof command);
    EXPECT_FALSE(read_grant_request(&bad, sizeof bad)) << command;
  }
}

std::string policy_error(const std::string& text) {
  const auto policy = parse_policy(text, "p.toml");
  return policy ? "" : policy.error().message();
}

TEST(AskPolicy, IsRead) {
  const auto policy = parse_policy(
      "extends = 'plugin'\n[files]\nask = ['/srv']\n[on]\nviolation = 'ask'\nask_time = '5s'\n",
      "p.toml");
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_EQ(policy->violation, ViolationAction::ask);
  EXPECT_EQ(policy->ask_time, seconds(5));
  ASSERT_EQ(policy->files.ask.size(), 1U);
  EXPECT_EQ(policy->files.ask[0].path, "/srv");
}

TEST(AskPolicy, MistakesAreTold) {
  EXPECT_NE(policy_error("[files]\nask = ['/srv']\n").find("violation is not \"ask\""),
            std::string::npos);
  EXPECT_NE(policy_error("[files]\nask = ['/proc']\n[on]\nviolation = 'ask'\n").find("/proc"),
            std::string::npos);
  for (const char* time : {"0s", "2h", "soon", "-1s"})
    EXPECT_NE(policy_error(std::string("[on]\nviolation = 'ask'\nask_time = '") + time + "'\n")
                  .find("'ask_time' must be a time"),
              std::string::npos)
        << time;
}

}  // namespace
}  // namespace yett

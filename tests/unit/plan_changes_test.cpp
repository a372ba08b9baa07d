// What may change of a sandbox that runs, and what may not: each change beside the nearest refused.
#include <gtest/gtest.h>

#include "sandbox/plan/plan_changes.hpp"
#include "sandbox/plan/planner.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "tests/unit/full_features.hpp"

namespace yett {
namespace {

SandboxPlan plan_of(const std::string& text, const SandboxPlan* runs = nullptr) {
  auto policy = parse_policy(text, "p.toml");
  EXPECT_TRUE(policy) << text << policy.error().message();
  KernelFeatures features = test::make_features();
  features.cgroup_bpf.usable = true;
  auto plan = make_plan({.command = {"true"}}, *policy, features,
                        {.identity_seed = 7,
                         .host_root_entries = {"bin -> usr/bin", "usr"},
                         .keeps_owners = {},
                         .runs = runs});
  EXPECT_TRUE(plan) << text << plan.error().message();
  return plan ? *plan : SandboxPlan{};
}

// "network", "names", "" for nothing that a plane holds; or the error.
std::string change(const std::string& before, const std::string& after) {
  const SandboxPlan started = plan_of(before);
  const SandboxPlan wanted = plan_of(after, &started);
  const auto changes = compare_with_running(started, started, wanted);
  if (!changes) return changes.error().message();
  return std::string(changes->network ? "network" : "") + (changes->names ? "names" : "") +
         (changes->limits ? "limits" : "");
}

std::string connect_to(const std::string& rules) {
  return "[network]\nconnect = [" + rules + "]\n";
}

TEST(PlanChanges, NetworkRules) {
  const std::string one = connect_to("'tcp://10.0.0.1:1'");
  const std::string other = connect_to("'tcp://10.0.0.2:1'");
  EXPECT_EQ(change(one, one), "");
  EXPECT_EQ(change(one, other), "network");
  EXPECT_EQ(change(one, "[network]\nlisten = ['tcp://10.0.0.1:80']\n"), "network");
  EXPECT_EQ(change(one, ""), "network");  // sockets are still lent, and lead nowhere
  EXPECT_NE(change("", one).find("p.toml:2:12: network rule tcp://10.0.0.1:1"), std::string::npos);
  EXPECT_EQ(change("live = true\n", "live = true\n" + one), "network");
  EXPECT_NE(change(one, "[network]\nmode = 'host'\n").find("network namespace"), std::string::npos);
}

TEST(PlanChanges, HostNames) {
  const std::string name = connect_to("'tcp://a.example:1'");
  const std::string other = connect_to("'tcp://b.example:1'");
  const std::string address = connect_to("'tcp://10.0.0.1:1'");
  EXPECT_EQ(change(name, other), "names");
  EXPECT_EQ(change(name, address), "networknames");
  EXPECT_NE(change(address, name).find("name server"), std::string::npos);
  EXPECT_EQ(change("live = true\n", "live = true\n" + name), "names");
}

std::string calls(const std::string& lists) { return "[syscalls]\n" + lists + "\n"; }

// swap-filter
TEST(PlanChanges, CallsThatTheFilterAnswers) {
  EXPECT_EQ(change("", calls("allow = ['kcmp']")), "");         // refused through the supervisor
  EXPECT_EQ(change(calls("deny = ['getsid']"), ""), "");        // likewise
  EXPECT_EQ(change("", calls("allow = ['personality']")), "");  // else is refused so
  const std::string refused = change("", calls("deny = ['getsid']"));
  EXPECT_NE(refused.find("p.toml:2:9: syscalls: getsid"), std::string::npos) << refused;
  EXPECT_NE(refused.find("live = true"), std::string::npos) << refused;
  EXPECT_NE(change(calls("allow = ['kcmp']"), "").find("kcmp"), std::string::npos);
  EXPECT_NE(change("", calls("allow = ['acct']")).find("acct"), std::string::npos);      // killed
  EXPECT_NE(change("", calls("allow = ['clone3']")).find("clone3"), std::string::npos);  // quiet
  EXPECT_NE(change("", calls("log = ['getsid']")).find("getsid"), std::string::npos);
}

TEST(PlanChanges, CallsThatALivePolicyNames) {
  const std::string live = "live = true\n";
  EXPECT_EQ(change(live + calls("allow = ['kcmp', 'getsid']"), live), "");
  EXPECT_EQ(change(live + calls("allow = ['getsid']"), live + calls("deny = ['getsid']")), "");
  EXPECT_NE(change(live, live + calls("deny = ['getsid']")).find("getsid"), std::string::npos);
  EXPECT_NE(change(live + calls("allow = ['exit_group']"), live + calls("deny = ['exit_group']")),
            "");
}

TEST(PlanChanges, FiguresOfLimits) {
  const auto limits = [](const std::string& figures) { return "[limits]\n" + figures + "\n"; };
  EXPECT_EQ(change(limits("memory = '64M'"), limits("memory = '128M'")), "limits");
  EXPECT_EQ(change(limits("cpu = 0.5"), limits("cpu = 2")), "limits");
  EXPECT_EQ(change(limits("pids = 50"), limits("pids = 20")), "limits");
  EXPECT_EQ(change(limits("memory = '64M'"), limits("memory = '64M'")), "");
  EXPECT_NE(change(limits("pids = 50"), limits("pids = 51")).find("room for fewer"),
            std::string::npos);
  EXPECT_NE(change("", limits("memory = '64M'")).find("comes or goes"), std::string::npos);
  EXPECT_NE(change(limits("cpu = 1"), "").find("comes or goes"), std::string::npos);
  EXPECT_NE(change("", limits("pids = 20")), "");
}

TEST(PlanChanges, WhatIsFixedAtTheStart) {
  const char* const fixed[] = {"[files]\nread = ['/srv']\n",
                               "[files]\ndeny = ['/usr/bin/ssh']\n",
                               "[limits]\nopen_files = 100\n",
                               "[limits]\nwall = '1s'\n",
                               "[exec]\nmemfd = true\n",
                               "[exec]\nwritten_files = true\n",
                               "hardening = 'stacked'\n",
                               "[on]\nviolation = 'ask'\n",
                               "[syscalls]\nemulate = ['uname']\n",
                               "extends = 'none'\n",
                               "[files]\ntmpfs = {'/scratch' = '1M'}\n"};
  for (const char* policy : fixed) {
    EXPECT_NE(change("", policy), "") << policy;
    EXPECT_EQ(change(policy, policy), "") << policy;
  }
  EXPECT_EQ(change("", "[on]\nviolation = 'kill'\n"), "");
}

}  // namespace
}  // namespace yett

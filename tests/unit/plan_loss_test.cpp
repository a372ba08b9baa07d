// [on] supervisor_loss: what can be gone on with by another supervisor, and what is refused.
#include <gtest/gtest.h>

#include "tests/unit/plan_case.hpp"

namespace yett::test {
namespace {

using Case = PlanCase;

TEST(PlanLoss, WhatOneSupervisorAloneKnowsIsNotAdopted) {
  const std::string adopt = "[on]\nsupervisor_loss='adopt'\n";
  const std::string refused = "p.toml: [on] supervisor_loss: ";
  Case test{.policy = adopt};
  EXPECT_EQ(test.made().supervisor_loss, SupervisorLoss::adopt);
  EXPECT_FALSE(test.made().cgroup.wanted);
  test.request.trace = true;
  EXPECT_EQ(test.error(),
            refused + "nobody else can go on tracing (leave --trace out, or write \"kill\")");
  test.request.trace = false;
  test.request.terminal = TerminalMode::pty;
  EXPECT_TRUE(test.error().starts_with(refused + "a terminal is relayed")) << test.error();
  EXPECT_TRUE(Case{.policy = "live = true\n" + adopt}.error().starts_with(refused + "who takes"));
  EXPECT_TRUE(Case{.policy = adopt + "[network]\nconnect=['tcp://x.test:1']\n"}.error().starts_with(
      refused + "what host names"));
  EXPECT_EQ(Case{.policy = adopt + "[network]\nconnect=['tcp://127.0.0.1:1']\n"}.error(),
            "no error");
}

TEST(PlanLoss, FreezingTakesACgroup) {
  Case test{.policy = "[on]\nsupervisor_loss='freeze'\n"};
  test.features.cgroup.v2_mount = "/sys/fs/cgroup";
  EXPECT_TRUE(test.made().cgroup.wanted);
  test.features.cgroup.v2_mount.clear();
  EXPECT_TRUE(test.error().contains("no cgroup of version 2")) << test.error();
}

}  // namespace
}  // namespace yett::test

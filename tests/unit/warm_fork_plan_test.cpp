// Which plans can be a warm-fork template's.
#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "supervisor/warm/warm_fork.hpp"

namespace yett {
namespace {

TEST(WarmForkPlan, WhatWouldBeTheTemplatesAloneIsRefused) {
  const SandboxPlan good;
  EXPECT_TRUE(check_template(good).has_value());
  const std::vector<std::pair<const char*, std::function<void(SandboxPlan&)>>> cases{
      {"root of the host", [](SandboxPlan& plan) { plan.mode = Mode::rootless; }},
      {"filter", [](SandboxPlan& plan) { plan.filter.installed = false; }},
      {"network", [](SandboxPlan& plan) { plan.namespaces.network = NetworkNamespace::host; }},
      {"network", [](SandboxPlan& plan) { plan.cgroup_bpf.attached = true; }},
      {"network", [](SandboxPlan& plan) { plan.broker.sockets = true; }},
      {"network", [](SandboxPlan& plan) { plan.broker.listens = true; }},
      {"BPF LSM", [](SandboxPlan& plan) { plan.lsm.labelled = true; }},
      {"Landlock", [](SandboxPlan& plan) { plan.landlock.handled_fs = 1; }},
      {"upper layer", [](SandboxPlan& plan) { plan.mounts.push_back({.upper = "/srv/upper"}); }},
      {"terminal", [](SandboxPlan& plan) { plan.process.terminal = TerminalMode::pty; }},
      {"live", [](SandboxPlan& plan) { plan.live = true; }},
      {"traced", [](SandboxPlan& plan) { plan.traced = true; }},
      {"adopted", [](SandboxPlan& plan) { plan.supervisor_loss = SupervisorLoss::adopt; }}};
  for (const auto& [word, change] : cases) {
    SandboxPlan plan = good;
    change(plan);
    const Status checked = check_template(plan);
    ASSERT_FALSE(checked.has_value()) << word;
    EXPECT_NE(checked.error().message().find(word), std::string::npos) << checked.error().message();
  }
}

}  // namespace
}  // namespace yett

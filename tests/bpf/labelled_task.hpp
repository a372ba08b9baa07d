// Runs one act in a child that wears the label of a plan, as a sandbox's first task does.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett::test {

// What an act gave: 0, or the errno it met. Runs in a forked child: no gtest inside.
using Act = std::function<int()>;

// errno when `failed`, else 0.
[[nodiscard]] int outcome(bool failed);

struct LabelledRun {
  int result = -1;    // the act's; 200: the child was not labelled; 201: it was killed
  std::string error;  // why the child could not be labelled
  std::vector<AuditRecord> records;
  std::uint64_t lost_events = 0;
};

[[nodiscard]] LabelledRun run_labelled(const LsmPlan& plan, const Act& act);
// The twin: the same act, no label.
[[nodiscard]] int run_unlabelled(const Act& act);

// Plan with nothing restricted but what every label refuses.
[[nodiscard]] LsmPlan plain_plan();
[[nodiscard]] PathRule path_rule(const std::string& path);
// "tcp://127.0.0.1:8080" and the like: literal IPv4 or "*" hosts only.
[[nodiscard]] EndpointRule endpoint_rule(EndpointScheme scheme, const std::string& host,
                                         std::uint8_t prefix, std::uint16_t port);

// A fixture: skips (or fails, where YETT_REQUIRE_BPF_LSM=1) when BPF LSM does not load here; a
// private mount namespace with a fresh tmpfs at directory().
class LsmTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  [[nodiscard]] const std::string& directory() const { return directory_; }
  // A file with `content` below directory(); parents are made.
  std::string make_file(const std::string& name, const std::string& content = "x");

 private:
  std::string directory_;
};

}  // namespace yett::test

// What became of one sandbox: for the exit status, the summary on a terminal, and --report.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/loop/supervise.hpp"

namespace yett {

// One step of the start: when it ended, microseconds after the session began.
struct TimedStep {
  std::string name;
  double at_us = 0;
  bool in_child = false;
};

// Made for its program; prepared before that was known, by yettd; prepared so that its program's
// forks are programs of sandboxes of their own.
enum class SandboxStart { cold, pool, warm_fork };
[[nodiscard]] constexpr const char* sandbox_start_name(SandboxStart start) {
  constexpr std::array kNames{"cold", "pool", "warm_fork"};
  return kNames[static_cast<std::size_t>(start)];
}

struct SessionReport {
  SandboxPlan plan;
  SandboxStart start = SandboxStart::cold;
  SandboxOutcome outcome;
  std::optional<Error> failure;  // the launch failed: no program ran
  std::vector<TimedStep> steps;
  std::map<std::string, RefusalCount> refusals;
  std::vector<std::string> refusal_lines;  // AuditSink::kept()
  std::string refusal_table;               // for a terminal; empty: nothing was refused
  std::uint64_t lost_records = 0;
  std::uint64_t peak_memory_bytes =
      0;  // of the cgroup where there is one, else of the largest process
};

// The report as JSON text, one document, newline at the end.
[[nodiscard]] std::string report_json(const SessionReport& report);

}  // namespace yett

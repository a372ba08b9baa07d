// Notification in, verdict out: pure. The loop gathers the snapshot, this decides, the loop carries
// it out.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {

// A trapped call's registers and what was copied from the target's memory, once.
struct Snapshot {
  std::uint32_t call = 0;  // system call number
  std::array<std::uint64_t, 6> arguments{};
  std::uint32_t thread_id = 0;
  std::string comm;
};

enum class Emulation { none, sysinfo, setrlimit, prlimit64 };

// There is no "continue" here: a call whose meaning lies in memory that the target can rewrite is
// never let through after a look. SECURITY(no-continue)
struct Verdict {
  VerdictKind kind = VerdictKind::deny;
  int error = 1;  // deny
  Emulation emulation = Emulation::none;
  bool recorded = true;
  std::string rule;
  std::string mend;
};

class PolicyEngine {
 public:
  explicit PolicyEngine(const SandboxPlan& plan);
  [[nodiscard]] Verdict decide(const Snapshot& snapshot) const;
  [[nodiscard]] const char* call_name(std::uint32_t number) const;

 private:
  const FilterPlan* filter_;
  EmulationPlan emulation_;
};

}  // namespace yett

// Which rule of which plane made a call fail, and the smallest change that would let it pass. Pure:
// the plan, the registers and what the tracer saw are all that is looked at. Kernel planes that
// report by themselves (cgroup-BPF, BPF LSM) are left to their reports.
#pragma once

#include <optional>

#include "supervisor/audit/audit_record.hpp"
#include "supervisor/explain/observed_call.hpp"

namespace yett {

class Attribution {
 public:
  // `plan` outlives it.
  explicit Attribution(const SandboxPlan& plan) : plan_(&plan), engine_(plan) {}

  // Nothing: the call passed, or failed for a reason that is no rule's (a file that exists
  // nowhere).
  [[nodiscard]] std::optional<AuditRecord> explain(const ObservedCall& call) const;

 private:
  [[nodiscard]] std::optional<AuditRecord> by_filter(const ObservedCall& call) const;
  [[nodiscard]] AuditRecord record_of(const ObservedCall& call, Plane plane) const;

  const SandboxPlan* plan_;
  PolicyEngine engine_;
};

}  // namespace yett

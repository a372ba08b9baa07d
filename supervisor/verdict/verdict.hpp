// Notification in, verdict out: pure. The loop gathers the snapshot, this decides, the loop carries
// it out.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {

// A trapped call's registers, as the kernel copied them.
struct Snapshot {
  std::uint32_t architecture = 0;  // AUDIT_ARCH_*
  std::uint32_t call = 0;          // system call number
  std::array<std::uint64_t, 6> arguments{};
};

enum class Emulation {
  none,
  sysinfo,
  setrlimit,
  prlimit64,
  getaffinity,
  uname,
  setscheduler,
  setpriority,
  mknod,
  mknodat,
  mount,
  setxattr,
  attributes,
  redirect,  // a call that names files: the pump's own
  control,
  open  // done on the target's behalf, or a question: the pump's own
};

// Calls that are answered with sockets of another network.
enum class LentCall { none, socket, listen };

// A call whose meaning lies in memory that the target can rewrite is never let through after a
// look. SECURITY(no-continue): "allow" is said of a live policy's rules alone, which speak of the
// number and of registers, as the filter would have said it.
struct Verdict {
  VerdictKind kind = VerdictKind::deny;  // deny, emulate, broker or allow
  int error = 1;                         // deny: the errno, positive
  Emulation emulation = Emulation::none;
  LentCall lent = LentCall::none;
  bool counted = false;               // allow: if there is room for another task, else `error`
  const SyscallRule* rule = nullptr;  // the plan's; null: no rule names this call
};

// What the filter does with a call of these registers, by the rule alone: `action`, or `otherwise`
// where none of `when` holds.
[[nodiscard]] SyscallAction action_for(const SyscallRule& rule,
                                       const std::array<std::uint64_t, 6>& arguments);

class PolicyEngine {
 public:
  // `plan` outlives the engine.
  explicit PolicyEngine(const SandboxPlan& plan);

  [[nodiscard]] Verdict decide(const Snapshot& snapshot) const;

  // For records. Texts are made on demand, so that a flood of refusals does not pay for them.
  [[nodiscard]] std::string call_name(std::uint32_t number) const;
  // Where the rule comes from: "plugin table: ptrace", "policy.toml:12:5: ptrace".
  [[nodiscard]] std::string rule_text(const Snapshot& snapshot) const;
  // The smallest policy change that would have allowed the call, as TOML; empty: there is none.
  [[nodiscard]] std::string mend_text(const Snapshot& snapshot) const;
  // The registers that matter, for a person: "request 0x5412" for ioctl. Empty: none is telling.
  [[nodiscard]] static std::string object_text(const Snapshot& snapshot);
  // Index of the register behind object_text (records with another value are not alike), or -1.
  [[nodiscard]] static int telling_argument(std::uint32_t call);

 private:
  [[nodiscard]] const SyscallRule* find_rule(std::uint32_t number) const;

  const FilterPlan* filter_;
  EmulationPlan emulation_;
  const BrokerPlan* broker_;
};

}  // namespace yett

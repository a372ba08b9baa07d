// One decision worth keeping: one line of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace yett {

enum class VerdictKind { allow, deny, emulate, broker, kill };
[[nodiscard]] const char* verdict_name(VerdictKind kind);

struct AuditRecord {
  std::int64_t time_ns = 0;  // CLOCK_REALTIME
  std::string sandbox;
  std::int32_t pid = 0;  // in the supervisor's pid namespace; 0: unknown
  std::string comm;
  std::string plane;   // plane_name()
  std::string call;    // system call or LSM hook
  std::string object;  // path, address, option; empty: none
  std::string rule;    // "syscalls.ptrace (plugin table)"
  VerdictKind verdict = VerdictKind::deny;
  int error = 0;               // errno given, 0: none
  std::string mend;            // smallest policy change that would have allowed it
  std::uint64_t repeated = 1;  // alike records folded into this one
};

}  // namespace yett

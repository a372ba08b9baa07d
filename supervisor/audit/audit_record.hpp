// One decision worth keeping: one line of JSON. The fields and their meaning are in docs/audit.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yett {

enum class VerdictKind { allow, deny, emulate, broker, kill, ask };
[[nodiscard]] const char* verdict_name(VerdictKind kind);

struct AuditRecord {
  std::int64_t time_ns = 0;  // CLOCK_REALTIME; 0: the sink stamps it
  std::string sandbox;
  std::int32_t pid = 0;  // in the supervisor's pid namespace; 0: unknown
  std::string comm;
  std::string plane;   // plane_name()
  std::string call;    // system call or LSM hook
  std::string object;  // path, address, option; empty: none
  std::string rule;    // "plugin table: ptrace", "policy.toml:12:5"
  VerdictKind verdict = VerdictKind::deny;
  int error = 0;               // errno given, 0: none
  std::string mend;            // smallest policy change that would have allowed it
  std::uint64_t repeated = 1;  // alike records folded into this one
  // For `yett explain`. The sink gives the first two.
  std::string id;                  // "NAME.3": the sandbox's third refusal of its kind
  std::string policy;              // the policy's file, absolute, or a built-in's name
  std::string arguments;           // call_text(); empty: a kernel plane's record
  std::string resolved;            // what the object is: which mount, layer, namespace
  std::vector<std::string> stack;  // addresses of the caller, innermost first; trace runs
};

// "\"a\",\"b\"" in brackets.
[[nodiscard]] std::string json_list(const std::vector<std::string>& items);

// "EPERM"; "errno 4095" for a number that Linux does not name; empty for 0.
[[nodiscard]] std::string errno_name(int error_number);

// `text` as a JSON string, quotes included: always valid UTF-8 and safe to print. Control
// characters become \u00NN; a byte that is not UTF-8 becomes the four characters \xNN.
[[nodiscard]] std::string json_string(std::string_view text);

// One line without its newline; every key is always there, in the order of the struct.
[[nodiscard]] std::string to_json(const AuditRecord& record);

}  // namespace yett

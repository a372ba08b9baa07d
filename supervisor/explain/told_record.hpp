// An audit record read back from its line, with what the log's header says of its run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {

struct ToldRecord {
  AuditRecord record;
  std::string time;                   // as written
  std::vector<std::string> backends;  // of its run; empty: the line stands alone
  std::string policy_hash;
};

// One line. Error: no decision's record.
[[nodiscard]] Result<ToldRecord> parse_record(std::string_view line);

enum class Wanted { last, by_id };
// In a log's lines: the last refusal, or the one with this id. Nothing: there is none.
[[nodiscard]] std::optional<ToldRecord> find_record(std::string_view log, Wanted wanted,
                                                    std::string_view id);

}  // namespace yett

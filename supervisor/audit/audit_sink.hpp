// Where audit records go: counted by rule always, written as JSON lines when a file was asked for.
// Alike records within a second are folded, so that a flood costs the target more than us; none is
// lost uncounted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {

// The first record of a log: what was in force.
struct AuditHeader {
  std::string sandbox;
  std::string policy_name;
  std::string policy_hash;
  std::string mode;
  std::string kernel;
  std::vector<std::string> backends;
  std::vector<std::string> reduced;
};

struct RefusalCount {
  AuditRecord example;
  std::uint64_t count = 0;
};

class AuditSink {
 public:
  // No file: counts only.
  AuditSink() = default;
  // Appends to `file`, which the caller opened; ownership moves here.
  explicit AuditSink(UniqueFd file) : file_(std::move(file)) {}
  AuditSink(AuditSink&&) noexcept = default;
  AuditSink& operator=(AuditSink&&) noexcept = default;
  ~AuditSink();

  [[nodiscard]] Status write_header(const AuditHeader& header);
  // Never fails the caller's decision: a record that cannot be written is counted as lost, and
  // `lost()` is told in the summary.
  void record(const AuditRecord& record);
  void flush();

  [[nodiscard]] const std::map<std::string, RefusalCount>& refusals() const {
    return refusals_;
  }  // by call + rule
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  UniqueFd file_;
  std::map<std::string, RefusalCount> refusals_;
  std::uint64_t lost_ = 0;
};

}  // namespace yett

// Where audit records go: counted by rule always, written as JSON lines when a file was asked for.
// The first of alike records is written at once; those that follow within the same second are
// folded into one line, so that a flood costs the target more than us. None is lost uncounted.
// Any thread may record; what is kept is read and moved when one thread is left.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {

// The first record of a log: what was in force.
struct AuditHeader {
  std::string sandbox;
  std::string start;  // how it came about: "cold", or in advance
  std::string policy_name;
  std::string policy_file;  // absolute; empty: built-in
  std::string policy_hash;
  std::string mode;
  std::string kernel;
  std::vector<std::string> backends;
  std::vector<std::string> reduced;
};

// Another policy took the place of the one in force.
struct PolicySwapRecord {
  std::string sandbox;
  std::string policy_name;
  std::string policy_file;  // absolute; empty: built-in
  std::string old_hash;
  std::string new_hash;
  std::uint64_t took_us = 0;         // from the request to where the new one held
  std::vector<std::string> changes;  // "wider + network.connect tcp://..."
};

struct RefusalCount {
  AuditRecord example;
  std::uint64_t count = 0;
};

// Opens (makes, 0600) `path` for appending. Errors name the path.
[[nodiscard]] Result<UniqueFd> open_audit_file(const std::string& path);

class AuditSink {
 public:
  // Distinct lines in one second; what is beyond is folded into one line per rule, without object.
  static constexpr std::size_t kMaxDistinctPerSecond = 256;

  // Refusals that have an id; those beyond are counted and written without one.
  static constexpr std::size_t kMaxKept = 256;
  static constexpr std::size_t kMaxKeptLine = 4096;
  static constexpr std::size_t kMaxKeptBytes = 64UL * 1024;

  // No file: counts only.
  AuditSink() = default;
  // Appends to `file`, opened with O_APPEND; ownership moves here.
  explicit AuditSink(UniqueFd file) : file_(std::move(file)) {}
  AuditSink(AuditSink&&) noexcept = default;
  AuditSink& operator=(AuditSink&& other) noexcept;  // flushes what this one had
  ~AuditSink();

  // Called for each record, and again with how many alike ones were folded since; by whichever
  // thread records, one at a time. It must not record.
  using Observer = std::function<void(const AuditRecord& record, std::uint64_t times)>;
  void set_observer(Observer observer) { observer_ = std::move(observer); }

  [[nodiscard]] Status write_header(const AuditHeader& header);

  // The policy that later records speak of: a file or a built-in's name.
  void note_policy(const std::string& policy);
  // Another policy holds from here on; later records speak of it.
  void write_swap(const PolicySwapRecord& swap);

  // Never fails the caller's decision: a record that cannot be written is counted in lost().
  // `token`, when not 0, names what the caller holds to be alike, for repeat().
  void record(AuditRecord record, std::uint64_t token = 0);
  // The cheap path of a flood: true when a record with this token was made within this second; it
  // is then counted, and nothing more is to be gathered. False: gather and call record().
  [[nodiscard]] bool repeat(std::uint64_t token);

  // Writes what is folded. The destructor does it too.
  void flush();
  [[nodiscard]] bool has_folded() const;

  // Refusals (deny, kill) by call and rule.
  [[nodiscard]] const std::map<std::string, RefusalCount>& refusals() const { return refusals_; }
  // The header and each refusal that has an id, once: lines for whoever explains them later.
  [[nodiscard]] const std::vector<std::string>& kept() const { return kept_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  struct Fold {
    AuditRecord record;
    std::uint64_t folded = 0;         // not written yet
    RefusalCount* refusal = nullptr;  // null: not a refusal
  };

  void name_and_keep(Fold& fold);
  void name_refusal(Fold& fold);
  void flush_locked();
  void begin_second_when_due();
  Fold& fold_for(const AuditRecord& record, bool& first);
  RefusalCount* count_for(const AuditRecord& record);
  void count_again(Fold& fold, std::uint64_t times);
  void write_line(std::string line, std::uint64_t records);

  std::unique_ptr<std::mutex> lock_ = std::make_unique<std::mutex>();  // null: moved from
  Observer observer_;
  UniqueFd file_;
  std::map<std::string, RefusalCount> refusals_;
  std::string policy_;
  std::vector<std::string> kept_;
  std::size_t kept_bytes_ = 0;
  std::map<std::string, std::uint64_t> numbers_;  // by fold key
  std::map<std::string, Fold> folds_;             // of this second
  std::map<std::uint64_t, Fold*> by_token_;       // into folds_
  std::int64_t second_began_ns_ = 0;              // CLOCK_MONOTONIC_COARSE
  std::uint64_t folded_ = 0;
  std::uint64_t lost_ = 0;
  bool torn_line_ = false;
};

}  // namespace yett

#include "supervisor/audit/audit_sink.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <memory>
#include <utility>

#include "base/own_file.hpp"
#include "base/time_text.hpp"
#include "fmt/format.h"

namespace yett {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char* kManyOthers = "(many others)";

std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

bool is_refusal(const AuditRecord& record) {
  return record.verdict == VerdictKind::deny || record.verdict == VerdictKind::kill;
}

// '\x1f' cannot be confused with a separator inside a field in a way that matters: a collision
// only folds two records of one sandbox into one line.
std::string fold_key(const AuditRecord& record) {
  return fmt::format("{}\x1f{}\x1f{}\x1f{}\x1f{}\x1f{}", record.plane, record.call, record.object,
                     record.rule, record.error, static_cast<int>(record.verdict));
}

// Object, arguments and stack are as long as the program likes; without them a record still tells
// what was refused, and why.
std::string line_to_keep(AuditRecord record) {
  std::string line = to_json(record);
  if (line.size() <= AuditSink::kMaxKeptLine) return line;
  record.arguments.clear();
  record.stack.clear();
  constexpr std::size_t kMostOfText = 256;  // escaped, six bytes each
  for (std::string* text : {&record.object, &record.resolved, &record.mend, &record.rule})
    if (text->size() > kMostOfText) *text = text->substr(0, kMostOfText) + "...";
  return to_json(record);
}

}  // namespace

Result<UniqueFd> open_audit_file(const std::string& path) {
  return open_own_file(path, OwnFile::appended, "audit file");
}

AuditSink::~AuditSink() { flush(); }

AuditSink& AuditSink::operator=(AuditSink&& other) noexcept {
  if (this == &other) return *this;
  std::destroy_at(this);
  std::construct_at(this, std::move(other));
  return *this;
}

Status AuditSink::write_header(const AuditHeader& header) {
  policy_ = header.policy_file.empty() ? header.policy_name : header.policy_file;
  const std::string line = fmt::format(
      R"({{"time":"{}","sandbox":{},"event":"start","start":{},"policy":{},)"
      R"("policy_hash":{},"mode":{},"kernel":{},"backends":{},"reduced":{}}})",
      format_time(clock_ns(CLOCK_REALTIME)), json_string(header.sandbox), json_string(header.start),
      json_string(header.policy_name), json_string(header.policy_hash), json_string(header.mode),
      json_string(header.kernel), json_list(header.backends), json_list(header.reduced));
  kept_.push_back(line);
  if (!file_.valid()) return {};
  const std::uint64_t lost_before = lost_;
  write_line(line, 1);
  if (lost_ != lost_before) return fail(errno_error("write audit log", header.sandbox));
  return {};
}

void AuditSink::note_policy(const std::string& policy) {
  const std::scoped_lock held(*lock_);
  policy_ = policy;
}

void AuditSink::write_swap(const PolicySwapRecord& swap) {
  const std::scoped_lock held(*lock_);
  flush_locked();  // what was refused before stands before, and is not alike what comes
  by_token_.clear();
  folds_.clear();
  policy_ = swap.policy_file.empty() ? swap.policy_name : swap.policy_file;
  const std::string line =
      fmt::format(R"({{"time":"{}","sandbox":{},"event":"policy_swapped","policy":{},)"
                  R"("old_policy_hash":{},"policy_hash":{},"took_us":{},"changes":{}}})",
                  format_time(clock_ns(CLOCK_REALTIME)), json_string(swap.sandbox),
                  json_string(swap.policy_name), json_string(swap.old_hash),
                  json_string(swap.new_hash), swap.took_us, json_list(swap.changes));
  if (kept_bytes_ + line.size() <= kMaxKeptBytes) {
    kept_bytes_ += line.size();
    kept_.push_back(line);
  }
  if (file_.valid()) write_line(line, 1);
}

void AuditSink::record(AuditRecord record, std::uint64_t token) {
  const std::scoped_lock held(*lock_);
  begin_second_when_due();
  if (record.time_ns == 0) record.time_ns = clock_ns(CLOCK_REALTIME);
  record.policy = policy_;
  bool first = false;
  Fold& fold = fold_for(record, first);
  if (token != 0 && by_token_.size() < kMaxDistinctPerSecond) by_token_[token] = &fold;
  if (!first) return count_again(fold, record.repeated);
  if (fold.refusal != nullptr) fold.refusal->count += record.repeated;
  name_and_keep(fold);
}

void AuditSink::name_and_keep(Fold& fold) {
  if (is_refusal(fold.record)) name_refusal(fold);
  if (observer_) observer_(fold.record, fold.record.repeated);
  if (file_.valid()) write_line(to_json(fold.record), fold.record.repeated);
}

// Alike refusals of later seconds are told again, and are the same one: they keep its number. What
// is not kept has none. SECURITY(kept-refusals): how much one run keeps is bounded, so that no
// program drives what others were refused out of the store.
void AuditSink::name_refusal(Fold& fold) {
  const auto [number, fresh] = numbers_.try_emplace(fold_key(fold.record), numbers_.size() + 1);
  fold.record.id = fmt::format("{}.{}", fold.record.sandbox, number->second);
  if (!fresh) return;
  std::string line = line_to_keep(fold.record);
  if (numbers_.size() <= kMaxKept && kept_bytes_ + line.size() <= kMaxKeptBytes) {
    kept_bytes_ += line.size();
    kept_.push_back(std::move(line));
    return;
  }
  numbers_.erase(number);
  fold.record.id.clear();
}

bool AuditSink::repeat(std::uint64_t token) {
  const std::scoped_lock held(*lock_);
  begin_second_when_due();
  const auto known = by_token_.find(token);
  if (known == by_token_.end()) return false;
  count_again(*known->second, 1);
  return true;
}

bool AuditSink::has_folded() const {
  const std::scoped_lock held(*lock_);
  return folded_ != 0;
}

void AuditSink::flush() {
  if (!lock_) return;
  const std::scoped_lock held(*lock_);
  flush_locked();
}

void AuditSink::flush_locked() {
  for (auto& [key, fold] : folds_) {
    if (fold.folded == 0) continue;
    fold.record.repeated = std::exchange(fold.folded, 0);
    fold.record.time_ns = clock_ns(CLOCK_REALTIME);
    if (observer_) observer_(fold.record, fold.record.repeated);
    if (file_.valid()) write_line(to_json(fold.record), fold.record.repeated);
  }
  folded_ = 0;
}

void AuditSink::begin_second_when_due() {
  const std::int64_t now = clock_ns(CLOCK_MONOTONIC_COARSE);
  if (now - second_began_ns_ < kSecond) return;
  flush_locked();
  by_token_.clear();
  folds_.clear();
  second_began_ns_ = now;
}

// SECURITY(audit-flood): at most kMaxDistinctPerSecond lines a second have an object of the
// target's choosing; the rest share one line per call and rule, and those are finite.
AuditSink::Fold& AuditSink::fold_for(const AuditRecord& record, bool& first) {
  std::string key = fold_key(record);
  auto found = folds_.find(key);
  if (found == folds_.end() && folds_.size() >= kMaxDistinctPerSecond) {
    AuditRecord other = record;
    other.object = kManyOthers;
    key = fold_key(other);
    found = folds_.find(key);
    if (found == folds_.end())
      found = folds_.emplace(std::move(key), Fold{std::move(other), 0, count_for(record)}).first;
    else
      return first = false, found->second;
    return first = true, found->second;
  }
  first = found == folds_.end();
  if (first) found = folds_.emplace(std::move(key), Fold{record, 0, count_for(record)}).first;
  return found->second;
}

RefusalCount* AuditSink::count_for(const AuditRecord& record) {
  if (!is_refusal(record)) return nullptr;
  return &refusals_.try_emplace(record.call + " " + record.rule, RefusalCount{record, 0})
              .first->second;
}

void AuditSink::count_again(Fold& fold, std::uint64_t times) {
  fold.folded += times;
  folded_ += times;
  if (fold.refusal != nullptr) fold.refusal->count += times;
}

// A line cut short by a full disk is ended before the next one, so that only it is damaged.
void AuditSink::write_line(std::string line, std::uint64_t records) {
  if (torn_line_) line.insert(line.begin(), '\n');
  line += '\n';
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t count = ::write(file_.get(), line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    written += static_cast<std::size_t>(count);
  }
  if (written == line.size()) {
    torn_line_ = false;
    return;
  }
  torn_line_ = torn_line_ ? written != 1 : written != 0;
  lost_ += records;
}

}  // namespace yett

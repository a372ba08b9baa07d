#include "supervisor/audit/summary.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "fmt/format.h"

namespace yett {
namespace {

constexpr std::size_t kMaxLines = 20;

std::vector<const RefusalCount*> most_frequent_first(const AuditSink& sink) {
  std::vector<const RefusalCount*> rows;
  for (const auto& [key, refusal] : sink.refusals()) rows.push_back(&refusal);
  std::ranges::stable_sort(
      rows, [](const RefusalCount* a, const RefusalCount* b) { return a->count > b->count; });
  return rows;
}

std::string what(const RefusalCount& refusal) {
  std::string text = refusal.example.call;
  if (!refusal.example.object.empty()) text += " " + refusal.example.object;
  if (refusal.count > 1 && !refusal.example.object.empty()) text += " ...";
  return escape_for_terminal(text);
}

std::string outcome(const AuditRecord& record) {
  return record.verdict == VerdictKind::kill ? "killed" : errno_name(record.error);
}

}  // namespace

std::string format_refusals(const AuditSink& sink) {
  const auto rows = most_frequent_first(sink);
  std::string text;
  if (!rows.empty()) text += "yett: refused to this sandbox:\n";
  std::size_t width = 4;
  for (const RefusalCount* row : rows)
    width = std::max(width, std::min<std::size_t>(what(*row).size(), 40));
  for (std::size_t i = 0; i < std::min(rows.size(), kMaxLines); ++i) {
    const AuditRecord& example = rows[i]->example;
    text += fmt::format("  {:>7}x  {:<{}}  {:<7}  {}\n", rows[i]->count, what(*rows[i]), width,
                        outcome(example), escape_for_terminal(example.rule));
    if (!example.mend.empty())
      text += fmt::format("            to allow: {}\n", escape_for_terminal(example.mend));
  }
  if (rows.size() > kMaxLines)
    text += fmt::format("  and {} more; --audit FILE keeps them all\n", rows.size() - kMaxLines);
  if (sink.lost() != 0)
    text += fmt::format("yett: {} audit records could not be written\n", sink.lost());
  return text;
}

}  // namespace yett

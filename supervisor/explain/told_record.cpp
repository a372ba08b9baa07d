#include "supervisor/explain/told_record.hpp"

#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

namespace yett {
namespace {

using Json = nlohmann::json;

// A log may hold lines of others and damaged ones: what has another type counts as absent.
std::string text_of(const Json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> texts_of(const Json& line, const char* key) {
  std::vector<std::string> texts;
  const auto found = line.find(key);
  if (found == line.end() || !found->is_array()) return texts;
  for (const Json& item : *found)
    if (item.is_string()) texts.push_back(item.get<std::string>());
  return texts;
}

std::int64_t number_of(const Json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

int errno_of(std::string_view name) {
  constexpr int kMostErrno = 133;
  for (int number = 1; number <= kMostErrno; ++number)
    if (errno_name(number) == name) return number;
  return 0;
}

VerdictKind verdict_of(std::string_view name) {
  for (const VerdictKind kind : {VerdictKind::allow, VerdictKind::deny, VerdictKind::emulate,
                                 VerdictKind::broker, VerdictKind::kill, VerdictKind::ask})
    if (name == verdict_name(kind)) return kind;
  return VerdictKind::deny;
}

Json parse_line(std::string_view line) { return Json::parse(line, nullptr, false); }

ToldRecord told(const Json& line) {
  ToldRecord record;
  record.time = text_of(line, "time");
  AuditRecord& made = record.record;
  made.sandbox = text_of(line, "sandbox");
  made.pid = static_cast<std::int32_t>(number_of(line, "pid"));
  made.comm = text_of(line, "comm");
  made.plane = text_of(line, "plane");
  made.call = text_of(line, "call");
  made.object = text_of(line, "object");
  made.rule = text_of(line, "rule");
  made.verdict = verdict_of(text_of(line, "verdict"));
  made.error = errno_of(text_of(line, "errno"));
  made.mend = text_of(line, "mend");
  made.repeated = static_cast<std::uint64_t>(number_of(line, "repeated"));
  made.id = text_of(line, "id");
  made.policy = text_of(line, "policy");
  made.arguments = text_of(line, "arguments");
  made.resolved = text_of(line, "resolved");
  made.stack = texts_of(line, "stack");
  return record;
}

bool is_decision(const Json& line) {
  return line.is_object() && !text_of(line, "plane").empty() && !text_of(line, "call").empty();
}

bool is_refusal(const ToldRecord& record) {
  return record.record.verdict == VerdictKind::deny || record.record.verdict == VerdictKind::kill;
}

}  // namespace

Result<ToldRecord> parse_record(std::string_view line) {
  const Json parsed = parse_line(line);
  if (!is_decision(parsed))
    return fail(request_error("audit line", "it is no decision of an audit log",
                              "give a whole line of yett run --audit FILE, an id, or last"));
  return told(parsed);
}

std::optional<ToldRecord> find_record(std::string_view log, Wanted wanted, std::string_view id) {
  std::map<std::string, Json> headers;
  std::optional<ToldRecord> found;
  while (!log.empty()) {
    const std::size_t end = std::min(log.find('\n'), log.size());
    const Json line = parse_line(log.substr(0, end));
    log.remove_prefix(std::min(end + 1, log.size()));
    if (line.is_object() && text_of(line, "event") == "start")
      headers[text_of(line, "sandbox")] = line;
    if (line.is_object() && text_of(line, "event") == "policy_swapped")
      headers[text_of(line, "sandbox")]["policy_hash"] = text_of(line, "policy_hash");
    if (!is_decision(line)) continue;
    ToldRecord record = told(line);
    if (wanted == Wanted::last ? !is_refusal(record) : record.record.id != id) continue;
    if (const auto header = headers.find(record.record.sandbox); header != headers.end()) {
      record.backends = texts_of(header->second, "backends");
      record.policy_hash = text_of(header->second, "policy_hash");
    }
    found = std::move(record);
  }
  return found;
}

}  // namespace yett

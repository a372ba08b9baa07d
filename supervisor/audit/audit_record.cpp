#include "supervisor/audit/audit_record.hpp"

#include <cstring>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "fmt/format.h"

namespace yett {
namespace {

void append_escaped_ascii(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (byte < 0x20 || byte == 0x7F) {
    out += fmt::format("\\u{:04x}", byte);
  } else {
    out += c;
  }
}

}  // namespace

const char* verdict_name(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::allow:
      return "allow";
    case VerdictKind::deny:
      return "deny";
    case VerdictKind::emulate:
      return "emulate";
    case VerdictKind::broker:
      return "broker";
    case VerdictKind::kill:
      return "kill";
    case VerdictKind::ask:
      return "ask";
  }
  return "deny";
}

std::string errno_name(int error_number) {
  if (error_number == 0) return {};
  const char* name = ::strerrorname_np(error_number);
  return name != nullptr ? name : fmt::format("errno {}", error_number);
}

// Runs of bytes above ASCII go through the terminal escaper, which keeps valid UTF-8 and turns the
// rest into \xNN; only that backslash needs doubling for JSON.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    std::size_t run = 0;
    while (run < text.size() && static_cast<unsigned char>(text[run]) >= 0x80) ++run;
    for (const char c : escape_for_terminal(text.substr(0, run))) append_escaped_ascii(out, c);
    text.remove_prefix(run);
    if (text.empty()) break;
    append_escaped_ascii(out, text.front());
    text.remove_prefix(1);
  }
  return out + '"';
}

std::string json_list(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const std::string& item : items) text += (text.size() > 1 ? "," : "") + json_string(item);
  return text + "]";
}

std::string to_json(const AuditRecord& record) {
  return fmt::format(
      R"({{"time":"{}","sandbox":{},"pid":{},"comm":{},"plane":{},"call":{},"object":{},)"
      R"("rule":{},"verdict":"{}","errno":{},"mend":{},"repeated":{},"id":{},"policy":{},"arguments":{},"resolved":{},"stack":{}}})",
      format_time(record.time_ns), json_string(record.sandbox), record.pid,
      json_string(record.comm), json_string(record.plane), json_string(record.call),
      json_string(record.object), json_string(record.rule), verdict_name(record.verdict),
      json_string(errno_name(record.error)), json_string(record.mend), record.repeated,
      json_string(record.id), json_string(record.policy), json_string(record.arguments),
      json_string(record.resolved), json_list(record.stack));
}

}  // namespace yett

#include "supervisor/explain/explanation.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace yett {
namespace {

constexpr std::size_t kLabel = 12;

class Page {
 public:
  explicit Page(Colour colour) : colour_(colour) {}

  void heading(std::string_view text) { text_ += bold(escape_for_terminal(text)) + "\n"; }
  void title(std::string_view text) { text_ += "\n" + bold(text) + "\n"; }
  void row(std::string_view label, std::string_view text) {
    if (text.empty()) return;
    text_ += fmt::format("  {:<{}}{}\n", label, kLabel, escape_for_terminal(text));
  }
  void line(std::string_view text) { text_ += fmt::format("  {}\n", escape_for_terminal(text)); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  [[nodiscard]] std::string bold(std::string_view text) const {
    return colour_ == Colour::yes ? fmt::format("\033[1m{}\033[0m", text) : std::string(text);
  }
  Colour colour_;
  std::string text_;
};

std::string outcome(const AuditRecord& record) {
  if (record.verdict == VerdictKind::kill) return "was killed for";
  if (record.error == 0) return "was answered as if it were empty";
  return fmt::format("was refused with {}", errno_name(record.error));
}

std::string heading(const AuditRecord& record) {
  std::string subject = record.call;
  if (!record.object.empty()) subject += " " + record.object;
  return fmt::format("{} {}", subject, outcome(record));
}

std::string who(const ToldRecord& told) {
  const AuditRecord& record = told.record;
  std::string text = record.comm.empty() ? "a process" : record.comm;
  if (record.pid != 0) text += fmt::format(" (pid {})", record.pid);
  text += fmt::format(" in sandbox {}", record.sandbox);
  if (!told.time.empty()) text += ", " + told.time;
  if (record.repeated > 1) text += fmt::format(", {} times", record.repeated);
  return text;
}

// Where no policy grants it, or the record does not tell enough.
std::string advice_for(const AuditRecord& record, std::string_view plane) {
  if (plane == "filter") return "no policy grants these arguments; \"none\" has no filter at all";
  if (record.rule.starts_with("-v "))
    return fmt::format("it was given with the flag {}: give it without :ro", record.rule);
  if (plane == "mount tree" && record.error == 2)
    return "on the host, only its owner may read it; a flag lends it: -v PATH:PATH:ro";
  if (plane == "mount tree")
    return "no rule opens what the sandbox shares with the host's programs; a flag puts a "
           "directory of yours there: -v DIRECTORY:PATH";
  return "no policy grants it";
}

void add_planes(const Explanation& explanation, Page& page) {
  page.title("Why this plane, and no other");
  for (const PlaneReason& reason : explanation.planes) page.row(reason.plane, reason.reason);
}

void add_changes(const Explanation& explanation, Page& page) {
  if (explanation.changes.empty()) {
    page.title("No smallest change");
    return page.line(explanation.advice);
  }
  page.title("The smallest change that would allow it");
  for (const PolicyChange& change : explanation.changes) page.line(changes_text({change}));
  page.title("What that opens besides");
  for (const std::string& effect : explanation.effects) page.line(effect);
}

}  // namespace

Explanation explain_record(ToldRecord told, const IsDirectory& is_directory) {
  Explanation made;
  made.plane = deciding_plane(told.record);
  made.planes = plane_reasons(told);
  if (auto changes = parse_changes(told.record.mend)) made.changes = *std::move(changes);
  made.effects = effects_of(made.changes, is_directory);
  if (made.changes.empty()) made.advice = advice_for(told.record, made.plane);
  made.told = std::move(told);
  return made;
}

std::string explanation_text(const Explanation& explanation, Colour colour) {
  const AuditRecord& record = explanation.told.record;
  Page page(colour);
  page.heading(heading(record));
  page.row("call", record.arguments);
  page.row("plane", explanation.plane == record.plane
                        ? record.plane
                        : fmt::format("{}, answered by the supervisor", explanation.plane));
  page.row("rule", record.rule);
  page.row("object", record.resolved);
  page.row("policy", record.policy);
  page.row("who", who(explanation.told));
  std::string_view label = "stack";
  for (const std::string& frame : record.stack) {
    page.row(label, frame);
    label = "";
  }
  add_planes(explanation, page);
  add_changes(explanation, page);
  return page.take();
}

std::string explanation_json(const Explanation& explanation) {
  using Json = nlohmann::ordered_json;
  const AuditRecord& record = explanation.told.record;
  Json planes = Json::array();
  for (const PlaneReason& reason : explanation.planes)
    planes.push_back({{"plane", reason.plane}, {"reason", reason.reason}});
  Json changes = Json::array();
  for (const PolicyChange& change : explanation.changes) changes.push_back(changes_text({change}));
  const Json whole{{"id", record.id},
                   {"sandbox", record.sandbox},
                   {"time", explanation.told.time},
                   {"pid", record.pid},
                   {"comm", record.comm},
                   {"plane", explanation.plane},
                   {"rule", record.rule},
                   {"call", record.call},
                   {"arguments", record.arguments},
                   {"object", record.object},
                   {"resolved", record.resolved},
                   {"errno", errno_name(record.error)},
                   {"verdict", verdict_name(record.verdict)},
                   {"policy", record.policy},
                   {"stack", record.stack},
                   {"planes", planes},
                   {"changes", changes},
                   {"advice", explanation.advice},
                   {"effects", explanation.effects}};
  return whole.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace yett

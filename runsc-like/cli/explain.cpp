#include "runsc-like/cli/explain.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/input_file.hpp"
#include "runsc-like/cli/policy_text.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "supervisor/explain/explanation.hpp"
#include "supervisor/session/refusal_store.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kMaxLog = 256ULL << 20;
constexpr int kUsage = 2;
constexpr CommandHelp kHelp{
    .description =
        "Why a call of a sandbox was refused: the plane, the rule and where it stands, the object, "
        "why no\nother plane holds it, the smallest change of the policy that would allow it, and "
        "what else that opens.\n\n"
        "WHAT is `last`, the id of a refusal (of a run that has ended, or with --audit), a line of "
        "an audit log,\nor - for such a line on standard input. What mounts, Landlock, namespaces "
        "and limits refuse is\nrecorded by `yett run --trace`.",
    .usage = "yett explain [OPTIONS] last|ID|LINE|-",
    .examples =
        "Examples:\n"
        "  yett run --trace -- cat /srv/data.txt; yett explain last\n"
        "  yett explain --audit audit.jsonl yett-4242.3\n"
        "  yett explain --write wider.toml last && yett run --policy wider.toml -- CMD"};

struct ExplainOptions {
  std::string audit_file;
  std::string write;
  bool json = false;
  std::string what;
};

std::vector<Option> options_into(ExplainOptions& into) {
  return {{.name = "audit",
           .value = "FILE",
           .help = "the audit log to look in (default: what recent runs left)",
           .target = &into.audit_file},
          {.name = "write",
           .value = "FILE",
           .help = "write the policy with the change in it (- for standard output)",
           .target = &into.write},
          {.name = "json", .value = "", .help = "one object, for machines", .target = &into.json}};
}

bool is_directory(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Result<std::string> first_line_of_input() {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t size = 0; (size = ::read(STDIN_FILENO, buffer.data(), buffer.size())) > 0;)
    if (text.append(buffer.data(), static_cast<std::size_t>(size)).size() > kMaxLog)
      return fail(request_error("-", "standard input is too long"));
  return text.substr(0, text.find('\n'));
}

Result<ToldRecord> find(const ExplainOptions& options) {
  if (options.what.starts_with('{')) return parse_record(options.what);
  if (options.what == "-") {
    YETT_TRY(const std::string line, first_line_of_input());
    return parse_record(line);
  }
  YETT_TRY(const std::string log, options.audit_file.empty()
                                      ? kept_refusals()
                                      : read_input_file(options.audit_file, kMaxLog));
  const Wanted wanted = options.what == "last" ? Wanted::last : Wanted::by_id;
  auto found = find_record(log, wanted, options.what);
  if (found) return *std::move(found);
  const std::string where =
      options.audit_file.empty() ? "what recent runs left" : options.audit_file;
  if (wanted == Wanted::last)
    return fail(request_error("last", "there is no refusal in " + where,
                              "yett run --trace records what no plane reports by itself"));
  return fail(request_error(escape_for_terminal(options.what), "no refusal of this id in " + where,
                            "ids are in audit logs: yett run --audit FILE"));
}

Status write_changed(const ExplainOptions& options, const Explanation& explanation) {
  if (options.write.empty()) return {};
  const std::string& policy = explanation.told.record.policy;
  if (explanation.changes.empty())
    return fail(request_error("--write", "there is no change of a policy that would allow it",
                              explanation.advice));
  if (policy.empty()) return fail(request_error("--write", "the record does not tell its policy"));
  YETT_TRY(PolicyDocument document, load_policy_document(policy));
  for (const PolicyChange& change : explanation.changes) apply_change(document, change);
  return write_policy_document(document, options.write);
}

int tell(const ExplainOptions& options) {
  auto told = find(options);
  if (!told) return print_error("explain", told.error(), 1);
  const Explanation explanation = explain_record(*std::move(told), is_directory);
  if (const Status written = write_changed(options, explanation); !written)
    return print_error("explain", written.error(), 1);
  if (options.write == "-") return 0;
  const Colour colour = ::isatty(STDOUT_FILENO) == 1 ? Colour::yes : Colour::no;
  const std::string text =
      options.json ? explanation_json(explanation) : explanation_text(explanation, colour);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace

int run_explain(int argc, char** argv) {
  ExplainOptions options;
  const auto table = options_into(options);
  const auto line =
      parse_command_line(table, {argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
  if (line && line->help) {
    std::fputs(help_text(kHelp, table).c_str(), stdout);
    return 0;
  }
  if (!line || line->places.size() != 1) {
    std::fprintf(stderr, "yett: explain: %s (see yett explain --help)\n",
                 line ? "wanted last, an id or a line of an audit log"
                      : escape_for_terminal(line.error()).c_str());
    return kUsage;
  }
  options.what = line->places[0];
  return tell(options);
}

}  // namespace yett

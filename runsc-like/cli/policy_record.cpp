#include "runsc-like/cli/policy_record.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "runsc-like/cli/policy_text.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "runsc-like/cli/run_report.hpp"
#include "supervisor/explain/told_record.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

constexpr int kUsage = 2;

struct Recorded {
  std::vector<PolicyChange> changes;
  std::vector<std::string> without_change;  // what no policy grants
};

// Calls that libraries probe for at each start do as well without.
bool is_probe(const Policy& policy, std::string_view call) {
  const auto& rules = policy.syscalls.rules;
  const auto rule = std::ranges::find(rules, call, &SyscallRule::name);
  return rule != rules.end() && rule->quiet;
}

void add_record(const AuditRecord& record, Recorded& recorded) {
  const auto changes = parse_changes(record.mend);
  if (!changes || changes->empty()) {
    recorded.without_change.push_back(record.call + " " + record.object);
    return;
  }
  for (const PolicyChange& change : *changes)
    if (std::ranges::find(recorded.changes, change) == recorded.changes.end())
      recorded.changes.push_back(change);
}

Recorded gather(const SessionReport& report, const Policy& policy) {
  Recorded recorded;
  for (const std::string& line : report.refusal_lines) {
    const auto told = parse_record(line);
    if (!told || is_probe(policy, told->record.call)) continue;
    add_record(told->record, recorded);
  }
  return recorded;
}

Status write_recorded(const RunInput& input, const Recorded& recorded, const std::string& output) {
  const std::string& name = input.policy.file.empty() ? input.policy.name : input.policy.file;
  YETT_TRY(PolicyDocument document, load_policy_document(name));
  for (const PolicyChange& change : recorded.changes) apply_change(document, change);
  return write_policy_document(document, output);
}

void tell(const Recorded& recorded) {
  std::fprintf(stderr, "yett: policy record: %zu changes\n", recorded.changes.size());
  for (const std::string& refused : recorded.without_change)
    std::fprintf(stderr, "  no policy grants: %s\n", escape_for_terminal(refused).c_str());
}

int usage() {
  std::fputs(
      "yett policy record: wanted [-o FILE] [OPTIONS OF run] -- COMMAND (see yett policy --help)\n",
      stderr);
  return kUsage;
}

}  // namespace

int run_policy_record(int argc, char** argv) {
  std::string output = "-";
  if (argc > 1 && std::string_view(argv[1]) == "-o") {
    if (argc < 3) return usage();
    output = argv[2];
    argv += 2;
    argc -= 2;
  }
  auto options = parse_run_options(argc, argv);
  if (!options) return options.error().exit_status;
  if (options->detach || options->dry_run || !options->name.empty()) return usage();
  auto input = make_run_input(*options);
  if (!input) return print_error("policy record", input.error(), kRunFailure);
  input->request.trace = true;
  const SessionReport report = run_session(
      input->request, input->policy,
      {.audit_file = options->audit_file, .on_started = {}, .exec_socket = {}, .in_attendant = {}});
  const int status = tell_run_report(*options, report);
  if (report.failure) return status;
  const Recorded recorded = gather(report, input->policy);
  if (const Status written = write_recorded(*input, recorded, output); !written)
    return print_error("policy record", written.error(), 1);
  tell(recorded);
  return status;
}

}  // namespace yett

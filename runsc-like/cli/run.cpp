// `yett run`: one sandbox in the foreground.
#include "runsc-like/cli/run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "sandbox/plan/plan_json.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

constexpr int kOwnFailure = 125;

int print_plan(const RunInput& input) {
  const auto plan = plan_session(input.request, input.policy);
  if (!plan) return print_error("run", plan.error(), kOwnFailure);
  const std::string text = plan_json(*plan);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

Status write_report(const std::string& path, const SessionReport& report) {
  if (path.empty()) return {};
  const UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600));
  if (!file.valid()) return fail(errno_error("open", "report file " + path));
  const std::string text = report_json(report);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", "report file " + path));
  return {};
}

// One line for each ending that the exit status alone does not explain.
void print_ending(const SessionReport& report) {
  switch (report.outcome.reason) {
    case EndReason::wall_time:
      std::fprintf(stderr, "yett: killed: the wall-clock limit of %.3g s was reached\n",
                   static_cast<double>(report.plan.wall->count()) / 1000);
      break;
    case EndReason::out_of_memory:
      std::fprintf(stderr, "yett: killed: out of memory (limit %llu bytes)\n",
                   static_cast<unsigned long long>(report.plan.cgroup.memory_bytes.value_or(0)));
      break;
    case EndReason::init_lost:
      std::fputs("yett: the sandbox's first process was killed\n", stderr);
      break;
    case EndReason::killed_by_policy:
      std::fputs("yett: killed: the policy says so of what it tried\n", stderr);
      break;
    case EndReason::exited:
    case EndReason::signaled:
      break;
  }
}

int finish(const RunOptions& options, const SessionReport& report) {
  int status = report.outcome.exit_status;
  if (report.failure) {
    print_error("run", *report.failure, status);
  } else {
    print_ending(report);
    if (::isatty(STDERR_FILENO) == 1) std::fputs(report.refusal_table.c_str(), stderr);
  }
  if (const Status written = write_report(options.report_file, report); !written)
    return print_error("run", written.error(), status == 0 ? kOwnFailure : status);
  return status;
}

}  // namespace

int run_sandbox(int argc, char** argv) {
  const auto options = parse_run_options(argc, argv);
  if (!options) return options.error().exit_status;
  const auto input = make_run_input(*options);
  if (!input) return print_error("run", input.error(), kOwnFailure);
  if (options->dry_run) return print_plan(*input);
  const SessionReport report =
      run_session(input->request, input->policy, {.audit_file = options->audit_file});
  return finish(*options, report);
}

}  // namespace yett

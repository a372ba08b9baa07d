#include "runsc-like/cli/run_report.hpp"

#include <unistd.h>

#include <cstdio>

#include "base/own_file.hpp"
#include "runsc-like/cli/print_error.hpp"

namespace yett {
namespace {

Status write_report(const std::string& path, const SessionReport& report) {
  if (path.empty()) return {};
  YETT_TRY(const UniqueFd file, open_own_file(path, OwnFile::emptied, "report file"));
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
                   static_cast<unsigned long long>(memory_limit(report.plan)));
      break;
    case EndReason::out_of_disk:
      std::fprintf(stderr, "yett: killed: out of disk (limit %llu bytes)\n",
                   static_cast<unsigned long long>(report.plan.meter.disk_bytes.value_or(0)));
      break;
    case EndReason::init_lost:
      std::fputs("yett: the sandbox's first process was killed\n", stderr);
      break;
    case EndReason::killed_by_policy:
      std::fputs("yett: killed: the policy says so of what it tried\n", stderr);
      break;
    case EndReason::exited:
    case EndReason::signaled:
    case EndReason::function_ended:
      break;
  }
}

}  // namespace

int tell_run_report(const RunOptions& options, const SessionReport& report) {
  int status = report.outcome.exit_status;
  if (report.failure) {
    print_error("run", *report.failure, status);
  } else {
    print_ending(report);
    if (::isatty(STDERR_FILENO) == 1) std::fputs(report.refusal_table.c_str(), stderr);
  }
  if (const Status written = write_report(options.report_file, report); !written)
    return print_error("run", written.error(), status == 0 ? kRunFailure : status);
  return status;
}

}  // namespace yett

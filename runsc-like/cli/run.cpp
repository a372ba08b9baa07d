// `yett run`: one sandbox, in front or in the background.
#include "runsc-like/cli/run.hpp"

#include <cstdio>
#include <utility>

#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "runsc-like/cli/run_recorded.hpp"
#include "runsc-like/cli/run_report.hpp"
#include "sandbox/plan/plan_json.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

// Never silently: what was given up stands in the audit header, and here is that it was.
void tell_fallback(const std::string& why) {
  std::fprintf(stderr, "yett: mode fallback, without namespaces: %s\n", why.c_str());
}

int print_plan(const RunInput& input) {
  const auto plan = plan_session(input.request, input.policy);
  if (!plan) return print_error("run", plan.error(), kRunFailure);
  const std::string text = plan_json(*plan);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace

int run_sandbox(int argc, char** argv) {
  auto options = parse_run_options(argc, argv);
  if (!options) return options.error().exit_status;
  const bool recorded = is_recorded(*options) && !options->dry_run;
  if (recorded)
    if (const Status named = name_recorded(*options); !named)
      return print_error("run", named.error(), kRunFailure);
  auto input = make_run_input(*options);
  if (!input) return print_error("run", input.error(), kRunFailure);
  if (options->dry_run) return print_plan(*input);
  if (recorded) return run_recorded(*options, *std::move(input));
  return tell_run_report(*options,
                         run_session(input->request, std::move(input->policy),
                                     {.on_stepped_down = tell_fallback,
                                      .audit_file = options->audit_file,
                                      .stack = options->stack ? TraceStack::yes : TraceStack::no,
                                      .on_started = {},
                                      .exec_socket = {},
                                      .in_attendant = {},
                                      .grant_socket = {},
                                      .swap_socket = {},
                                      .read_policy = {}}));
}

}  // namespace yett

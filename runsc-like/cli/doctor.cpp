#include "runsc-like/cli/doctor.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/text.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/doctor_print.hpp"
#include "sandbox/host/delegated_cgroup.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/host/user_namespace.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

constexpr CommandHelp kHelp{
    .description =
        "Tries what yett can use of this host and tells what is there, what is missing, "
        "what that\ncosts and how to mend it. Exit status 0: yett run works here.",
    .usage = "yett doctor [--kernel | --json]",
    .examples = "Example:\n  yett doctor --json > host.json"};

struct Wish {
  bool kernel = false;
  bool json = false;
};

std::array<Option, 2> options_into(Wish& into) {
  return {Option{.name = "kernel",
                 .help = "only what the kernel gives, with the configuration options for it",
                 .target = &into.kernel},
          Option{.name = "json", .help = "one JSON document", .target = &into.json}};
}

Colours colours_of_stdout() {
  return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr ? Colours::yes
                                                                            : Colours::no;
}

HostReport examine_host() {
  HostReport report;
  const Result<std::string> runtime = open_runtime_directory();
  if (const Status entered = become_namespace_root(); !entered)
    std::fprintf(stderr, "yett doctor: %s\n", entered.error().message().c_str());
  report.features = runtime ? probe_and_keep_kernel_features(*runtime, bpf_probes())
                            : probe_kernel_features(bpf_probes());
  if (report.features.is_namespace_root)
    report.features.cgroup = look_for_delegated_cgroup().features;
  report.rows = describe_host(report.features);
  report.tools = find_tools();
  report.planes = usable_planes(report.features);
  report.mode = working_mode(report.features, report.rows);
  if (!runtime)
    std::fprintf(stderr, "yett doctor: the answer is not kept: %s\n",
                 runtime.error().message().c_str());
  return report;
}

}  // namespace

int run_doctor(int argc, char** argv) {
  Wish wish;
  const auto options = options_into(wish);
  const auto line = parse_command_line(options, {argv + 1, static_cast<std::size_t>(argc - 1)});
  if (!line || !line->places.empty()) {
    const std::string problem = line ? line->places.front() + ": no such flag" : line.error();
    std::fprintf(stderr, "yett doctor: %s\n%s", escape_for_terminal(problem).c_str(),
                 help_text(kHelp, options).c_str());
    return 2;
  }
  if (line->help) {
    std::fputs(help_text(kHelp, options).c_str(), stdout);
    return 0;
  }
  const HostReport report = examine_host();
  std::fputs(
      (wish.json ? doctor_json(report)
                 : doctor_table(report, wish.kernel ? Detail::kernel_only : Detail::everything,
                                colours_of_stdout()))
          .c_str(),
      stdout);
  return report.mode ? 0 : 1;
}

}  // namespace yett

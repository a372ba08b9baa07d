#include "runsc-like/cli/doctor.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "runsc-like/cli/doctor_print.hpp"
#include "sandbox/host/probe.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

constexpr char kHelp[] =
    "Usage: yett doctor [--kernel | --json]\n\n"
    "Tries what yett can use of this host and tells what is there, what is missing, what that\n"
    "costs and how to mend it. Exit status 0: yett run works here.\n\n"
    "  --kernel  only what the kernel gives, with the configuration options for it\n"
    "  --json    one JSON document\n";

Colours colours_of_stdout() {
  return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr ? Colours::yes
                                                                            : Colours::no;
}

HostReport examine_host() {
  HostReport report;
  const Result<std::string> runtime = open_runtime_directory();
  report.features = runtime ? probe_and_keep_kernel_features(*runtime, bpf_probes())
                            : probe_kernel_features(bpf_probes());
  report.rows = describe_host(report.features);
  report.tools = find_tools();
  report.planes = usable_planes(report.features);
  report.full_mode = full_mode_works(report.rows);
  if (!runtime)
    std::fprintf(stderr, "yett doctor: the answer is not kept: %s\n",
                 runtime.error().message().c_str());
  return report;
}

}  // namespace

int run_doctor(int argc, char** argv) {
  bool json = false;
  Detail detail = Detail::everything;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--json") {
      json = true;
    } else if (flag == "--kernel") {
      detail = Detail::kernel_only;
    } else {
      const bool help = flag == "--help" || flag == "-h";
      if (!help) std::fprintf(stderr, "yett doctor: %s: no such flag\n", argv[i]);
      std::fputs(kHelp, help ? stdout : stderr);
      return help ? 0 : 2;
    }
  }
  const HostReport report = examine_host();
  std::fputs(
      (json ? doctor_json(report) : doctor_table(report, detail, colours_of_stdout())).c_str(),
      stdout);
  return report.full_mode ? 0 : 1;
}

}  // namespace yett

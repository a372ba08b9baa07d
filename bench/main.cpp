// yett-bench: native, bubblewrap and yett side by side.
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/text.hpp"
#include "bench/harness.hpp"
#include "bench/oci.hpp"
#include "bench/report.hpp"

namespace {

using namespace yett;         // NOLINT(google-build-using-namespace): literals and one tool
using namespace yett::bench;  // NOLINT(google-build-using-namespace): literals and one tool

constexpr char kHelp[] =
    "Usage: yett-bench [OPTIONS]\n"
    "       yett-bench oci [--rounds N] [--json FILE] [--strict]\n\n"
    "Compares native, bubblewrap and yett: start-up of /bin/true and single operations, in\n"
    "interleaved rounds. Prints medians and ratios, marks the goals, writes JSON beside.\n"
    "With oci: create, start and delete of a container by yett, crun and runc, with the\n"
    "configuration that Docker writes, its seccomp section with it (needs root).\n\n"
    "  --rounds N       how many rounds (11); below 5 no ratio is given\n"
    "  --starts N       starts of /bin/true per round (20)\n"
    "  --only PART      start-up or operations\n"
    "  --without NAME   leave native's rival out: bwrap or yett\n"
    "  --json FILE      where the JSON goes (bench.json beside the binaries)\n"
    "  --realtime       above everything else that runs (SCHED_FIFO, for root): true figures on a\n"
    "                   busy machine\n"
    "  --strict         exit status 1 when a goal is missed\n";

struct Options {
  Plan plan;
  bool containers = false;
  std::string json;
  std::string without;
  bool strict = false;
  bool realtime = false;
};

int wrong_use(const std::string& what) {
  std::fprintf(stderr, "yett-bench: %s (see --help)\n", what.c_str());
  return 2;
}

bool take_value(Options& options, std::string_view flag, const std::string& value) {
  if (flag == "--json") return options.json = value, true;
  if (flag == "--without") return options.without = value, value == "bwrap" || value == "yett";
  if (flag == "--only") {
    options.plan.start_up = value == "start-up";
    options.plan.operations = value == "operations";
    return options.plan.start_up || options.plan.operations;
  }
  const auto number = parse_decimal(value, 10'000);
  if (!number || *number == 0) return false;
  if (flag == "--rounds") return options.plan.rounds = *number, true;
  if (flag == "--starts") return options.plan.starts = *number, true;
  return false;
}

// -1: go on.
int parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--help" || flag == "-h") return std::fputs(kHelp, stdout), 0;
    if (flag == "--strict" || flag == "--realtime") {
      (flag == "--strict" ? options.strict : options.realtime) = true;
      continue;
    }
    if (flag == "oci" && i == 1) {
      options.containers = true;
      continue;
    }
    if (i + 1 >= argc) return wrong_use(std::string(flag) + ": no such flag, or no value");
    if (!take_value(options, flag, argv[i + 1]))
      return wrong_use(std::string(flag) + " " + argv[i + 1] + ": not understood");
    ++i;
  }
  return -1;
}

std::string own_directory() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

void write_json(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  const bool written = file != nullptr && std::fputs(text.c_str(), file) >= 0;
  if (file != nullptr) std::fclose(file);
  if (written)
    std::printf("\nJSON: %s\n", path.c_str());
  else
    std::fprintf(stderr, "yett-bench: %s: cannot be written\n", path.c_str());
}

bool any_goal_missed(const Measurements& measurements) {
  for (const GoalResult& result : judge(measurements))
    if (result.ratio && !result.met()) return true;
  return false;
}

bool take_the_processor() {
  const sched_param priority{.sched_priority = 10};
  return ::sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
}

int run_containers(const Options& options, const std::string& binaries) {
  auto result = measure_containers(binaries, options.plan.rounds);
  if (!result) {
    std::fprintf(stderr, "yett-bench: %s\n", result.error().message().c_str());
    return 1;
  }
  std::fputs(oci_table(*result).c_str(), stdout);
  write_json(options.json.empty() ? binaries + "/bench-oci.json" : options.json, oci_json(*result));
  const auto ratio = over_crun(*result, "yett", kOciSum);
  return options.strict && ratio && ratio->median > kOciGoal ? 1 : 0;
}

int run(const Options& options) {
  if (options.containers && options.realtime)
    return wrong_use("--realtime: cgroups of v1 take no real-time process; try nice -n -20");
  if (options.realtime && !take_the_processor()) {
    std::fputs("yett-bench: --realtime: not permitted (run it as root)\n", stderr);
    return 1;
  }
  const std::string binaries = own_directory();
  if (options.containers) return run_containers(options, binaries);
  const Paths paths{.binaries = binaries, .policy = binaries + "/bench-policy.toml", .volumes = {}};
  std::vector<Runner> runners = find_runners(paths);
  std::erase_if(runners, [&](const Runner& runner) { return runner.name == options.without; });
  BenchResult result;
  result.machine = describe_machine({"bwrap --version", binaries + "/yett --version"});
  result.rounds = options.plan.rounds;
  result.machine.realtime = options.realtime;
  auto measured = measure(options.plan, paths, runners);
  if (!measured) {
    std::fprintf(stderr, "yett-bench: %s\n", measured.error().message().c_str());
    return 1;
  }
  result.measurements = std::move(measured->figures);
  result.notes = std::move(measured->notes);
  if (options.plan.start_up && options.without != "yett")
    if (auto steps = measure_steps(paths, options.plan.starts)) result.steps = std::move(*steps);
  const bool colours = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  std::fputs(result_table(result, colours ? Colours::yes : Colours::no).c_str(), stdout);
  write_json(options.json.empty() ? binaries + "/bench.json" : options.json, result_json(result));
  return options.strict && any_goal_missed(result.measurements) ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && is_harness_command(argv[1]))
    return run_harness_command({argv + 1, argv + argc}, own_directory());
  Options options;
  if (const int status = parse(argc, argv, options); status >= 0) return status;
  return run(options);
}

#include "bench/harness.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/text.hpp"
#include "bench/report.hpp"
#include "bench/runners.hpp"

namespace yett::bench {
namespace {

constexpr std::size_t kMost = 10'000;

int wrong_use(const std::string& what) {
  std::fprintf(stderr, "yett-bench: %s (see bench/harness.hpp)\n", what.c_str());
  return 2;
}

int failed(const Error& error) {
  std::fprintf(stderr, "yett-bench: %s\n", error.message().c_str());
  return 1;
}

int print(const nlohmann::ordered_json& document) {
  return std::puts(document.dump().c_str()) < 0 ? 1 : 0;
}

int tell_machine(const std::vector<std::string>& arguments) {
  return print(machine_json(describe_machine({arguments.begin() + 1, arguments.end()})));
}

// What stands before and after "--"; nothing when there is none, or nothing after it.
struct Parts {
  std::vector<std::string> options;
  CommandLine program;
};

std::optional<Parts> split(const std::vector<std::string>& arguments) {
  const auto dashes = std::ranges::find(arguments, "--");
  if (dashes == arguments.end() || dashes + 1 == arguments.end()) return std::nullopt;
  return Parts{{arguments.begin() + 1, dashes}, {dashes + 1, arguments.end()}};
}

int wrap(const Parts& parts, const std::string& binaries) {
  if (parts.options.size() < 3)
    return wrong_use("wrap: RUNNER, own or host, and POLICY are needed");
  Paths paths{.binaries = binaries, .policy = parts.options[2], .volumes = {}};
  for (std::size_t i = 3; i + 1 < parts.options.size(); i += 2) {
    const auto volume = parse_volume(parts.options[i + 1]);
    if (parts.options[i] != "-v" || !volume)
      return wrong_use("wrap: " + parts.options[i + 1] + ": no volume");
    paths.volumes.push_back(*volume);
  }
  const Network network = parts.options[1] == "host" ? Network::host : Network::own;
  for (const Runner& runner : find_runners(paths))
    if (runner.name == parts.options[0]) return print(runner.wrap(paths, network, parts.program));
  return wrong_use("wrap: " + parts.options[0] + ": not installed, or no runner");
}

int time_starts(const Parts& parts) {
  const std::size_t given = parts.options.size();
  if (given != 2 && given != 3) return wrong_use("time: TIMES and AT-ONCE are needed");
  const auto times = parse_decimal(parts.options[0], kMost);
  const auto at_once = parse_decimal(parts.options[1], kMost);
  const auto pause = given == 3 ? parse_decimal(parts.options[2], kMost) : 0;
  if (!times || !at_once || !pause || *at_once == 0) return wrong_use("time: these are no numbers");
  std::vector<double> figures;
  for (std::size_t i = 0; i < *times; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(*pause));
    const auto elapsed = time_at_once(parts.program, *at_once);
    if (!elapsed) return failed(elapsed.error());
    figures.push_back(*elapsed);
  }
  return print(figures);
}

}  // namespace

bool is_harness_command(const std::string& name) {
  return name == "machine" || name == "wrap" || name == "time";
}

int run_harness_command(const std::vector<std::string>& arguments, const std::string& binaries) {
  if (arguments[0] == "machine") return tell_machine(arguments);
  const auto parts = split(arguments);
  if (!parts) return wrong_use(arguments[0] + ": \"--\" and a program are needed");
  return arguments[0] == "wrap" ? wrap(*parts, binaries) : time_starts(*parts);
}

}  // namespace yett::bench

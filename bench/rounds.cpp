#include "bench/rounds.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>

namespace yett::bench {
namespace {

constexpr const char* kMicro = "/bench/yett-bench-micro";

Result<double> start_once(const Runner& runner, const Paths& paths) {
  return time_command(runner.wrap(paths, Network::own, {"/bin/true"}));
}

// A round's start-up figure per runner: the medians of `starts` starts, taken in turn.
Status start_up_round(const Plan& plan, const Paths& paths, const std::vector<Runner>& order,
                      Measurements& into) {
  std::map<std::string, Rounds> taken;
  for (std::size_t i = 0; i < plan.starts; ++i)
    for (const Runner& runner : order) {
      YETT_TRY(const double elapsed, start_once(runner, paths));
      taken[runner.name].push_back(elapsed);
    }
  for (auto& [name, figures] : taken)
    into[kStartUp][name].push_back(summarise(std::move(figures)).median);
  return {};
}

// "open+close 1851.1\n" lines.
Status take_lines(std::string_view text, const std::string& runner, Measurements& into) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t space = line.find(' ');
    double figure = 0;
    if (space == std::string_view::npos ||
        std::from_chars(line.data() + space + 1, line.data() + line.size(), figure).ec !=
            std::errc{})
      return fail(request_error(std::string(line), "not a figure of yett-bench-micro's"));
    into[std::string(line.substr(0, space))][runner].push_back(figure);
  }
  return {};
}

// A runner that cannot run the operations is noted and left out: the others' figures stand.
void run_micro(const Runner& runner, const Paths& paths, Network network,
               const std::vector<std::string>& operations, Measured& into) {
  CommandLine program{kMicro, runner.scratch};
  program.insert(program.end(), operations.begin(), operations.end());
  const Result<std::string> text = output_of(runner.wrap(paths, network, program));
  const Status taken = text ? take_lines(*text, runner.name, into.figures) : fail(text.error());
  if (!taken) into.notes.insert(taken.error().message());
}

// connect needs one network for listener and client in all three, so it runs apart, in the host's;
// the bare notification round trip needs no sandbox.
void operations_round(const Paths& paths, const std::vector<Runner>& order, Measured& into) {
  std::vector<std::string> local = operation_names();
  std::erase(local, "connect");
  for (const Runner& runner : order) {
    run_micro(runner, paths, Network::own, local, into);
    run_micro(runner, paths, Network::host, {"connect"}, into);
    if (runner.name == "native") run_micro(runner, paths, Network::host, {kNotifyBaseline}, into);
  }
}

void show_progress(std::size_t done, std::size_t all) {
  if (::isatty(STDERR_FILENO) != 1) return;
  std::fprintf(stderr, "\r\x1b[Kround %zu of %zu", done, all);
  if (done == all) std::fputs("\r\x1b[K", stderr);
}

Status warm_up(const Paths& paths, const std::vector<Runner>& runners) {
  for (int i = 0; i < 3; ++i)
    for (const Runner& runner : runners) YETT_CHECK(start_once(runner, paths));
  return {};
}

}  // namespace

const std::vector<std::string>& operation_names() {
  static const std::vector<std::string> kNames{
      "getpid", "clock_gettime", "open+close",  "stat",        "read-4k", "write-4k",
      "pipe",   "fork+exec",     "mmap+munmap", "mkdir+rmdir", "connect", "sysinfo"};
  return kNames;
}

Result<Measured> measure(const Plan& plan, const Paths& paths, const std::vector<Runner>& runners) {
  Measured measured;
  std::vector<Runner> order = runners;
  YETT_CHECK(warm_up(paths, runners));
  for (std::size_t round = 0; round < plan.rounds; ++round) {
    show_progress(round, plan.rounds);
    if (plan.start_up) YETT_CHECK(start_up_round(plan, paths, order, measured.figures));
    if (plan.operations) operations_round(paths, order, measured);
    std::ranges::rotate(order, order.begin() + 1);
  }
  show_progress(plan.rounds, plan.rounds);
  return measured;
}

}  // namespace yett::bench

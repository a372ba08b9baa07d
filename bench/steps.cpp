// yett's own account of its start, read from `yett run --report`.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/rounds.hpp"

namespace yett::bench {
namespace {

struct Step {
  std::string name;
  double at_us = 0;
  bool in_child = false;
};

Result<std::vector<Step>> read_steps(const std::string& path) {
  std::ifstream file(path);
  const nlohmann::json report = nlohmann::json::parse(file, nullptr, false);
  if (!report.is_object() || !report.contains("steps"))
    return fail(request_error(path, "no report with steps", "does `yett run --report` work?"));
  std::vector<Step> steps;
  for (const nlohmann::json& step : report["steps"])
    steps.push_back(
        {step.value("step", ""), step.value("at_us", 0.0), step.value("process", "") == "child"});
  std::ranges::stable_sort(steps, {}, &Step::at_us);
  return steps;
}

}  // namespace

Result<std::vector<StepCost>> measure_steps(const Paths& paths, std::size_t starts) {
  const std::string path = "/dev/shm/yett-bench-report-" + std::to_string(::getpid()) + ".json";
  const CommandLine command{paths.binaries + "/yett", "run", "--report", path, "--", "/bin/true"};
  std::vector<StepCost> costs;  // in the order of the first start
  std::map<std::string, Rounds> figures;
  for (std::size_t i = 0; i < starts; ++i) {
    YETT_TRY(const double whole, time_command(command));
    auto steps = read_steps(path);
    ::unlink(path.c_str());
    if (!steps) return fail(std::move(steps).error());
    double before = 0;
    for (const Step& step : *steps) {
      if (i == 0) costs.push_back({step.name, 0, step.in_child});
      figures[step.name].push_back(step.at_us - before);
      before = step.at_us;
    }
    if (i == 0) costs.push_back({"exec of yett, its exit, the report", 0, false});
    figures[costs.back().name].push_back(whole - before);
  }
  for (StepCost& cost : costs) cost.median_us = summarise(figures[cost.name]).median;
  return costs;
}

}  // namespace yett::bench

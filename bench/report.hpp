// The result for people (a table with ratios and goal marks) and for programs (JSON).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bench/machine.hpp"
#include "bench/rounds.hpp"

namespace yett::bench {

// A goal on a ratio. `over` names the baseline: a runner, or an operation of the native runner.
struct Goal {
  std::string measured;
  std::string runner;
  std::string over;
  double at_most = 0;
};

[[nodiscard]] const std::vector<Goal>& goals();

struct GoalResult {
  Goal goal;
  std::optional<Summary> ratio;  // nothing: not measured, or fewer than five rounds
  [[nodiscard]] bool met() const { return ratio && ratio->median <= goal.at_most; }
};

[[nodiscard]] std::vector<GoalResult> judge(const Measurements& measurements);

struct BenchResult {
  Machine machine;
  std::size_t rounds = 0;
  Measurements measurements;
  std::set<std::string> notes;
  std::vector<StepCost> steps;
};

enum class Colours { no, yes };
[[nodiscard]] std::string result_table(const BenchResult& result, Colours colours);
[[nodiscard]] nlohmann::ordered_json machine_json(const Machine& machine);
[[nodiscard]] std::string result_json(const BenchResult& result);

}  // namespace yett::bench

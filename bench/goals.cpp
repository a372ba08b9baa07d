#include "bench/report.hpp"

namespace yett::bench {
namespace {

constexpr const char* kNative = "native";

std::vector<Goal> make_goals() {
  std::vector<Goal> all{{kStartUp, "yett", kNative, 3.0}, {kStartUp, "yett", "bwrap", 1.0}};
  for (const std::string& operation : operation_names())
    if (operation != "sysinfo")
      all.push_back({operation, "yett", kNative, operation == "getpid" ? 1.15 : 1.05});
  all.push_back({"sysinfo", "yett", kNotifyBaseline, 1.2});
  return all;
}

const Rounds* find(const Measurements& measurements, const std::string& measured,
                   const std::string& runner) {
  const auto row = measurements.find(measured);
  if (row == measurements.end()) return nullptr;
  const auto figures = row->second.find(runner);
  return figures == row->second.end() ? nullptr : &figures->second;
}

}  // namespace

const std::vector<Goal>& goals() {
  static const std::vector<Goal> kGoals = make_goals();
  return kGoals;
}

std::vector<GoalResult> judge(const Measurements& measurements) {
  std::vector<GoalResult> results;
  for (const Goal& goal : goals()) {
    const Rounds* figures = find(measurements, goal.measured, goal.runner);
    const Rounds* baseline = goal.over == kNotifyBaseline
                                 ? find(measurements, kNotifyBaseline, kNative)
                                 : find(measurements, goal.measured, goal.over);
    GoalResult result{.goal = goal, .ratio = std::nullopt};
    if (figures != nullptr && baseline != nullptr) result.ratio = ratio(*figures, *baseline);
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace yett::bench

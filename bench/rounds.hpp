// The measuring itself: rounds in which every runner takes its turn, in changing order, so that
// whatever else the machine does falls on all alike.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/runners.hpp"
#include "bench/statistics.hpp"

namespace yett::bench {

struct Plan {
  std::size_t rounds = 11;
  std::size_t starts = 20;  // starts of /bin/true per round and runner
  bool start_up = true;
  bool operations = true;
};

// what is measured -> runner -> one figure per round. Nanoseconds; "start-up" in microseconds.
using Measurements = std::map<std::string, std::map<std::string, Rounds>>;

inline constexpr const char* kStartUp = "start-up";
inline constexpr const char* kNotifyBaseline = "notify-baseline";

// The operations, in the order of the table.
[[nodiscard]] const std::vector<std::string>& operation_names();

struct Measured {
  Measurements figures;
  std::set<std::string> notes;  // what could not be measured, and why
};

// Error: a runner that cannot even start /bin/true.
[[nodiscard]] Result<Measured> measure(const Plan& plan, const Paths& paths,
                                       const std::vector<Runner>& runners);

// One step of yett's start, as `yett run --report` tells it: microseconds of its own.
struct StepCost {
  std::string name;
  double median_us = 0;
  bool in_child = false;
};
[[nodiscard]] Result<std::vector<StepCost>> measure_steps(const Paths& paths, std::size_t starts);

}  // namespace yett::bench

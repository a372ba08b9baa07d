#include "bench/report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace yett::bench {
namespace {

constexpr double kBusyLoad = 0.5;

struct Paint {
  const char* good = "";
  const char* bad = "";
  const char* strong = "";
  const char* off = "";
};

Paint paint_of(Colours colours) {
  if (colours == Colours::no) return {};
  return {"\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m"};
}

std::string duration(const std::string& measured, double figure) {
  const double ns = measured == kStartUp ? figure * 1000 : figure;
  if (ns < 10'000) return fmt::format("{:.0f} ns", ns);
  return ns < 10'000'000 ? fmt::format("{:.1f} us", ns / 1e3) : fmt::format("{:.1f} ms", ns / 1e6);
}

const Rounds* figures_of(const BenchResult& result, const std::string& measured,
                         const std::string& runner) {
  const auto row = result.measurements.find(measured);
  if (row == result.measurements.end()) return nullptr;
  const auto found = row->second.find(runner);
  return found == row->second.end() ? nullptr : &found->second;
}

std::string time_cell(const BenchResult& result, const std::string& measured,
                      const std::string& runner) {
  const Rounds* figures = figures_of(result, measured, runner);
  return figures == nullptr ? "-" : duration(measured, summarise(*figures).median);
}

std::string ratio_cell(const std::optional<Summary>& ratio) {
  if (!ratio) return "-";
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", ratio->median, ratio->lower_quartile,
                     ratio->upper_quartile);
}

std::string ratio_cell(const BenchResult& result, const std::string& measured,
                       const std::string& runner) {
  const Rounds* figures = figures_of(result, measured, runner);
  const Rounds* native = figures_of(result, measured, "native");
  if (figures == nullptr || native == nullptr) return "-";
  return ratio_cell(ratio(*figures, *native));
}

std::string goal_cell(const std::vector<GoalResult>& judged, const std::string& measured,
                      const Paint& paint) {
  std::string text;
  for (const GoalResult& result : judged) {
    if (result.goal.measured != measured || !result.ratio) continue;
    const std::string over =
        result.goal.over == "native" ? "" : fmt::format(" of {}", result.goal.over);
    text += fmt::format("{}{:.2f}{}: {}{}{}", text.empty() ? "" : "; ", result.goal.at_most, over,
                        result.met() ? paint.good : paint.bad, result.met() ? "met" : "MISSED",
                        paint.off);
    if (!over.empty()) text += fmt::format(" at {:.2f}", result.ratio->median);
  }
  return text;
}

std::string header(const BenchResult& result, const Paint& paint) {
  const Machine& machine = result.machine;
  std::string text = fmt::format("{}{}{}, {} x {}, {}\n", paint.strong, machine.kernel, paint.off,
                                 machine.processors, machine.processor, machine.memory);
  text += fmt::format(
      "{}; {}; {} interleaved rounds, medians, ratios to native in the same round "
      "(quartiles)\n",
      machine.date, fmt::join(machine.versions, ", "), result.rounds);
  if (machine.load > kBusyLoad)
    text += fmt::format("{}The machine was busy (load {:.1f}): {}.{}\n", paint.bad, machine.load,
                        machine.realtime ? "measured with real-time priority"
                                         : "take the ratios with care, or add --realtime",
                        paint.off);
  if (result.rounds < kFewestRounds)
    text += fmt::format("Fewer than {} rounds: no ratios are given.\n", kFewestRounds);
  return text;
}

std::string step_lines(const BenchResult& result, const Paint& paint) {
  if (result.steps.empty()) return {};
  std::string text = fmt::format("\n{}where yett's start-up goes{} (median us of each step)\n",
                                 paint.strong, paint.off);
  for (const StepCost& step : result.steps)
    text += fmt::format("  {:>8.1f}  {:<7} {}\n", step.median_us,
                        step.in_child ? "child" : "parent", step.name);
  return text;
}

nlohmann::ordered_json summary_json(const Summary& summary) {
  return {{"median", summary.median},
          {"lower_quartile", summary.lower_quartile},
          {"upper_quartile", summary.upper_quartile}};
}

}  // namespace

nlohmann::ordered_json machine_json(const Machine& machine) {
  return {{"kernel", machine.kernel},
          {"processor", machine.processor},
          {"processors", machine.processors},
          {"memory", machine.memory},
          {"load", machine.load},
          {"realtime", machine.realtime},
          {"versions", machine.versions},
          {"date", machine.date}};
}

std::string result_table(const BenchResult& result, Colours colours) {
  const Paint paint = paint_of(colours);
  const std::vector<GoalResult> judged = judge(result.measurements);
  std::string text = header(result, paint);
  text +=
      fmt::format("\n{}{:<14} {:>10} {:>10} {:>10}  {:<21} {:<21} {}{}\n", paint.strong, "",
                  "native", "bwrap", "yett", "bwrap / native", "yett / native", "goal", paint.off);
  std::vector<std::string> rows{kStartUp};
  rows.insert(rows.end(), operation_names().begin(), operation_names().end());
  rows.emplace_back(kNotifyBaseline);
  for (const std::string& row : rows) {
    if (!result.measurements.contains(row)) continue;
    text += fmt::format("{:<14} {:>10} {:>10} {:>10}  {:<21} {:<21} {}\n", row,
                        time_cell(result, row, "native"), time_cell(result, row, "bwrap"),
                        time_cell(result, row, "yett"), ratio_cell(result, row, "bwrap"),
                        ratio_cell(result, row, "yett"), goal_cell(judged, row, paint));
  }
  for (const std::string& note : result.notes)
    text += fmt::format("{}not measured:{} {}\n", paint.bad, paint.off, note);
  return text + step_lines(result, paint);
}

std::string result_json(const BenchResult& result) {
  nlohmann::ordered_json document;
  document["machine"] = machine_json(result.machine);
  document["rounds"] = result.rounds;
  for (const auto& [measured, runners] : result.measurements)
    for (const auto& [runner, figures] : runners) {
      nlohmann::ordered_json& entry = document["measured"][measured][runner];
      entry["unit"] = measured == kStartUp ? "us" : "ns";
      entry["rounds"] = figures;
      entry["summary"] = summary_json(summarise(figures));
      const Rounds* native = figures_of(result, measured, "native");
      if (const auto over = native == nullptr ? std::nullopt : ratio(figures, *native))
        entry["over_native"] = summary_json(*over);
    }
  for (const GoalResult& judged : judge(result.measurements))
    if (judged.ratio)
      document["goals"].push_back({{"measured", judged.goal.measured},
                                   {"over", judged.goal.over},
                                   {"at_most", judged.goal.at_most},
                                   {"ratio", judged.ratio->median},
                                   {"met", judged.met()}});
  document["notes"] = result.notes;
  for (const StepCost& step : result.steps)
    document["steps"].push_back({{"step", step.name},
                                 {"median_us", step.median_us},
                                 {"process", step.in_child ? "child" : "parent"}});
  return document.dump(2) + "\n";
}

}  // namespace yett::bench

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/oci.hpp"

namespace yett::bench {
namespace {

std::vector<std::string> rows() {
  std::vector<std::string> names(kOciCommands.begin(), kOciCommands.end());
  names.emplace_back(kOciSum);
  return names;
}

const Rounds* figures_of(const OciResult& result, const std::string& runtime,
                         const std::string& command) {
  const auto found = result.figures.find(runtime);
  return found == result.figures.end() ? nullptr : &found->second.at(command);
}

std::string goal_line(const OciResult& result) {
  const auto ratio = over_crun(result, "yett", kOciSum);
  if (!ratio) return "crun is not there, or too few rounds: no goal is judged.\n";
  return fmt::format("goal: at most {:.2f} of crun together: {} at {:.2f} ({:.2f} to {:.2f})\n",
                     kOciGoal, ratio->median <= kOciGoal ? "met" : "MISSED", ratio->median,
                     ratio->lower_quartile, ratio->upper_quartile);
}

nlohmann::ordered_json summary_json(const Summary& summary) {
  return {{"median", summary.median},
          {"lower_quartile", summary.lower_quartile},
          {"upper_quartile", summary.upper_quartile}};
}

}  // namespace

std::optional<Summary> over_crun(const OciResult& result, const std::string& runtime,
                                 const std::string& command) {
  const Rounds* figures = figures_of(result, runtime, command);
  const Rounds* crun = figures_of(result, "crun", command);
  if (figures == nullptr || crun == nullptr) return std::nullopt;
  return ratio(*figures, *crun);
}

std::string oci_table(const OciResult& result) {
  const Machine& machine = result.machine;
  std::string text = fmt::format(
      "{}, {} x {}, load {:.1f}; {}\n{}\n{} interleaved rounds; ms, medians, in brackets the ratio "
      "to crun of the same round{}\n\n{:10}",
      machine.kernel, machine.processors, machine.processor, machine.load, machine.date,
      fmt::join(machine.versions, ", "), result.rounds,
      result.v2_hidden ? "; the v2 mount beside v1 is hidden from all, for crun's sake" : "", "");
  for (const auto& [runtime, commands] : result.figures) text += fmt::format("{:>16}", runtime);
  text += '\n';
  for (const std::string& row : rows()) {
    text += fmt::format("{:10}", row);
    for (const auto& [runtime, commands] : result.figures) {
      const auto ratio = over_crun(result, runtime, row);
      text += fmt::format("{:>9.2f} {:>6}", summarise(commands.at(row)).median / 1000,
                          ratio ? fmt::format("({:.2f})", ratio->median) : "");
    }
    text += '\n';
  }
  return text + goal_line(result);
}

std::string oci_json(const OciResult& result) {
  nlohmann::ordered_json document;
  document["machine"] = {
      {"kernel", result.machine.kernel},         {"processor", result.machine.processor},
      {"processors", result.machine.processors}, {"load", result.machine.load},
      {"versions", result.machine.versions},     {"date", result.machine.date}};
  document["rounds"] = result.rounds;
  document["v2_hidden"] = result.v2_hidden;
  for (const auto& [runtime, commands] : result.figures)
    for (const auto& [command, figures] : commands) {
      auto& entry = document["measured"][command][runtime];
      entry["unit"] = "us";
      entry["rounds"] = figures;
      entry["summary"] = summary_json(summarise(figures));
      if (const auto ratio = over_crun(result, runtime, command))
        entry["over_crun"] = summary_json(*ratio);
    }
  if (const auto ratio = over_crun(result, "yett", kOciSum))
    document["goal"] = {
        {"at_most", kOciGoal}, {"ratio", ratio->median}, {"met", ratio->median <= kOciGoal}};
  return document.dump(2) + "\n";
}

}  // namespace yett::bench

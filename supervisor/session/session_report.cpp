#include "supervisor/session/session_report.hpp"

#include <nlohmann/json.hpp>

namespace yett {
namespace {

nlohmann::ordered_json refusal_json(const RefusalCount& refusal) {
  return {{"count", refusal.count},       {"plane", refusal.example.plane},
          {"call", refusal.example.call}, {"object", refusal.example.object},
          {"rule", refusal.example.rule}, {"errno", refusal.example.error},
          {"mend", refusal.example.mend}};
}

}  // namespace

std::string report_json(const SessionReport& report) {
  nlohmann::ordered_json json;
  json["sandbox"] = report.plan.sandbox;
  json["start"] = sandbox_start_name(report.start);
  json["status"] = report.outcome.exit_status;
  json["reason"] = report.failure ? "launch_failed" : end_reason_name(report.outcome.reason);
  if (report.failure) json["error"] = report.failure->message();
  json["policy"] = {{"name", report.plan.policy_name}, {"sha256", report.plan.policy_hash}};
  json["backends"] = report.plan.backends;
  json["cpu_us"] = {{"user", report.outcome.user_us}, {"system", report.outcome.system_us}};
  json["peak_memory_bytes"] = report.peak_memory_bytes;
  json["refusals"] = nlohmann::ordered_json::array();
  for (const auto& [key, refusal] : report.refusals)
    json["refusals"].push_back(refusal_json(refusal));
  json["lost_records"] = report.lost_records;
  json["steps"] = nlohmann::ordered_json::array();
  for (const TimedStep& step : report.steps)
    json["steps"].push_back({{"step", step.name},
                             {"at_us", step.at_us},
                             {"process", step.in_child ? "child" : "parent"}});
  // Names of untrusted origin may hold any byte: they are replaced, never thrown on.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace yett

// Where each rule went in the fallback mode: the rows of `yett policy plan`.
#include <fmt/format.h>

#include "sandbox/plan/plan_steps.hpp"

namespace yett {
namespace {

constexpr const char* kOnObjects = "decided on the kernel's objects";
constexpr const char* kOpenCost = "~0.5 us per open";

struct Row {
  std::string rule;
  Plane plane;
  const char* because;
  const char* cost;
  SourceLocation source;
};

std::vector<Row> file_rows(const FilePolicy& files, const SourceLocation& policy) {
  std::vector<Row> rows;
  for (const PathRule& rule : files.read)
    rows.push_back(
        {"files.read " + rule.path, Plane::landlock, kOnObjects, kOpenCost, rule.source});
  for (const PathRule& rule : files.write)
    rows.push_back(
        {"files.write " + rule.path, Plane::landlock, kOnObjects, kOpenCost, rule.source});
  for (const PathRule& rule : files.deny)
    rows.push_back({"files.deny " + rule.path, Plane::landlock, "nothing above it is shown",
                    kOpenCost, rule.source});
  rows.push_back({"files: all else of the host", Plane::landlock, kOnObjects, kOpenCost, policy});
  rows.push_back({"files: modes, owners, times, attributes", Plane::filter,
                  "refused by their numbers", "0", policy});
  return rows;
}

void add_network_rows(const NetworkPolicy& network, const SourceLocation& policy,
                      std::vector<Row>& rows) {
  for (const EndpointRule& rule : network.connect)
    rows.push_back({"network.connect " + rule.text, Plane::landlock, kOnObjects,
                    "~10 ns per connect", rule.source});
  for (const EndpointRule& rule : network.listen)
    rows.push_back({"network.listen " + rule.text, Plane::landlock, kOnObjects, "~10 ns per bind",
                    rule.source});
  const bool alone = network.mode.value_or(NetworkMode::none) == NetworkMode::none;
  rows.push_back(
      {alone ? "network.mode = none" : "network: all other endpoints",
       alone ? Plane::filter : Plane::landlock,
       alone ? "no socket but connected pairs: family and type are registers" : kOnObjects,
       "~20 ns per socket", policy});
}

void add_limit_rows(const PlanInputs& inputs, const SandboxPlan& plan, std::vector<Row>& rows) {
  const LimitPolicy& limits = inputs.policy.limits;
  const auto add = [&](const char* key, bool set, Plane plane, const char* because,
                       const char* cost) {
    if (!set) return;
    const auto source = limits.sources.find(key);
    rows.push_back({std::string("limits.") + key, plane, because, cost,
                    source == limits.sources.end() ? SourceLocation{} : source->second});
  };
  add("memory", plan.meter.memory_bytes.has_value(), Plane::supervisor,
      "looked at before it can grow by a tenth; beyond it all is killed", "0");
  add("cpu", plan.meter.cpus.has_value(), Plane::supervisor,
      "looked at a hundred times a second; beyond its share all stands still", "0");
  add("pids", plan.meter.tasks.has_value(), Plane::supervisor,
      "counted before there is another: fork, vfork and clone wait", "~3 us per fork");
  add("open_files", limits.open_files.has_value(), Plane::rlimit, "counted by the kernel", "0");
  add("file_size", limits.file_size_bytes.has_value(), Plane::rlimit, "counted by the kernel", "0");
  add("disk", plan.meter.disk_bytes.has_value(), Plane::supervisor,
      "looked at before it can grow by a tenth; beyond it all is killed", "0");
  add("wall", limits.wall.has_value(), Plane::supervisor, "a timer outside", "0");
}

}  // namespace

std::vector<PlacedRule> place_fallback_rules(const PlanInputs& inputs, const SandboxPlan& plan) {
  const SourceLocation policy{inputs.policy.name, 0, 0};
  std::vector<Row> rows = file_rows(inputs.policy.files, policy);
  if (plan.emulation.redirect)
    rows.push_back(
        {"files: writing in all else, into " + plan.redirect.directory, Plane::supervisor,
         "done on one copy of the name; Landlock holds what is let run", "~5 us per name", policy});
  add_network_rows(inputs.policy.network, policy, rows);
  rows.push_back({"abstract sockets and signals toward others", Plane::landlock,
                  "decided on the peer's domain", "~10 ns per kill", policy});
  if (plan.broker.listens)
    rows.push_back({"network: listening elsewhere", Plane::supervisor,
                    "asked about the very socket that then listens", "~10 us per listen", policy});
  add_limit_rows(inputs, plan, rows);
  if (plan.filter.no_set_ids)
    rows.push_back({"files.set_ids = false", Plane::filter,
                    "the mode is a register; of chmod, the supervisor's to give", "~20 ns per open",
                    policy});
  if (!inputs.policy.exec.written_files)
    rows.push_back({"exec.written_files = false", Plane::landlock,
                    "decided on the object at execve; the C library's loader maps what it can read",
                    "0", inputs.policy.exec.written_files_source});
  if (!inputs.policy.exec.memfd)
    rows.push_back({"exec.memfd = false", Plane::filter, "no memfd at all", "0", policy});
  rows.push_back(
      {"privileges", Plane::capabilities, "all sets are empty, no_new_privs", "0", policy});
  std::vector<PlacedRule> placed;
  for (Row& row : rows)
    placed.push_back({.rule = std::move(row.rule),
                      .plane = row.plane,
                      .race_free_because = row.because,
                      .cost = row.cost,
                      .source = std::move(row.source)});
  return placed;
}

}  // namespace yett

#include "sandbox/plan/plan_json.hpp"

#include <nlohmann/json.hpp>

#include <array>

#include "sandbox/plan/syscall_rows.hpp"

namespace yett {
namespace {

using Json = nlohmann::ordered_json;

const char* image_kind_name(ImageKind kind) {
  constexpr std::array kNames{"host", "directory", "squashfs", "erofs"};
  return kNames[static_cast<std::size_t>(kind)];
}

const char* mount_kind_name(MountKind kind) {
  constexpr std::array kNames{"root_tmpfs", "root_image", "package",    "bind",
                              "tmpfs",      "overlay",    "truth_tree", "truth",
                              "proc",       "devpts",     "device",     "directory",
                              "symlink",    "file",       "mask",       "remount"};
  return kNames[static_cast<std::size_t>(kind)];
}

template <typename Value>
void add_if(Json& json, const char* key, const std::optional<Value>& value) {
  if (value) json[key] = *value;
}

void add_if(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}

Json mount_json(const MountEntry& entry) {
  Json json{{"kind", mount_kind_name(entry.kind)}, {"target", entry.target}};
  add_if(json, "source", entry.source);
  add_if(json, "upper", entry.upper);
  json["writable"] = entry.writable == Writable::yes;
  json["executable"] = entry.executable == Executable::yes;
  if (entry.size_bytes != 0) json["size_bytes"] = entry.size_bytes;
  if (entry.optional) json["optional"] = true;
  if (entry.recursive) json["recursive"] = true;
  if (entry.map_owner) json["map_owner"] = true;
  if (entry.lower_in_image) json["lower_in_image"] = true;
  if (entry.owned_by_user) json["owned_by_user"] = true;
  return json;
}

Json maps_json(const std::vector<IdMapping>& maps) {
  Json json = Json::array();
  for (const IdMapping& map : maps)
    json.push_back({{"inside", map.inside}, {"outside", map.outside}, {"count", map.count}});
  return json;
}

Json rlimits_json(const std::vector<RlimitEntry>& limits) {
  Json json = Json::array();
  for (const RlimitEntry& limit : limits)
    json.push_back({{"resource", limit.resource}, {"soft", limit.soft}, {"hard", limit.hard}});
  return json;
}

Json cgroup_json(const CgroupPlan& cgroup) {
  Json json{{"wanted", cgroup.wanted}};
  add_if(json, "name", cgroup.name);
  add_if(json, "memory_bytes", cgroup.memory_bytes);
  add_if(json, "swap_bytes", cgroup.swap_bytes);
  add_if(json, "pids", cgroup.pids);
  add_if(json, "cpus", cgroup.cpus);
  return json;
}

Json meter_json(const MeterPlan& meter) {
  Json json = Json::object();
  add_if(json, "memory_bytes", meter.memory_bytes);
  add_if(json, "disk_bytes", meter.disk_bytes);
  add_if(json, "tasks", meter.tasks);
  add_if(json, "cpus", meter.cpus);
  return json;
}

Json endpoints_json(const std::vector<EndpointRule>& rules) {
  Json json = Json::array();
  for (const EndpointRule& rule : rules) json.push_back(rule.text);
  return json;
}

Json landlock_json(const LandlockPlan& landlock) {
  Json paths = Json::array();
  for (const LandlockPathRule& rule : landlock.paths)
    paths.push_back({{"path", rule.path}, {"access", rule.access}});
  return {{"applied", landlock.applied},       {"abi", landlock.abi},
          {"handled_fs", landlock.handled_fs}, {"handled_net", landlock.handled_net},
          {"scoped", landlock.scoped},         {"paths", paths},
          {"bind_ports", landlock.bind_ports}, {"connect_ports", landlock.connect_ports}};
}

Json lsm_json(const LsmPlan& lsm) {
  return {{"labelled", lsm.labelled},
          {"deny_exec_of_written", lsm.deny_exec_of_written},
          {"deny_memfd_exec", lsm.deny_memfd_exec},
          {"deny_set_ids", lsm.deny_set_ids},
          {"deny_network", lsm.deny_network},
          {"connect", endpoints_json(lsm.connect)},
          {"listen", endpoints_json(lsm.listen)}};
}

Json broker_json(const BrokerPlan& broker) {
  return {{"sockets", broker.sockets},
          {"listens", broker.listens},
          {"names", endpoints_json(broker.names)},
          {"name_server", broker.name_server}};
}

Json filter_json(const FilterPlan& filter) {
  Json calls = Json::object();
  for (const SyscallRule& rule : filter.rules) calls[std::string(rule.name)] = answer_text(rule);
  return {{"installed", filter.installed},
          {"audited_refusals", filter.audited_refusals},
          {"reachable", count_reachable(filter)},
          {"calls", calls}};
}

Json rules_json(const std::vector<PlacedRule>& rules) {
  Json json = Json::array();
  for (const PlacedRule& rule : rules)
    json.push_back({{"rule", rule.rule},
                    {"plane", plane_name(rule.plane)},
                    {"race_free_because", rule.race_free_because},
                    {"cost", rule.cost},
                    {"live", rule.swappable},
                    {"source", rule.source.text()}});
  return json;
}

Json process_json(const ProcessPlan& process) {
  return {{"argv", process.argv},
          {"environment", process.environment},
          {"working_directory", process.working_directory},
          {"pty", process.terminal == TerminalMode::pty},
          {"umask", process.umask}};
}

Json identity_json(const IdentityPlan& identity) {
  return {{"uid", identity.uid},
          {"gid", identity.gid},
          {"host_uid", identity.host_uid},
          {"host_gid", identity.host_gid},
          {"uid_map", maps_json(identity.uid_map)},
          {"gid_map", maps_json(identity.gid_map)}};
}

Json namespaces_json(const NamespacePlan& namespaces) {
  Json sysctls = Json::object();
  for (const SysctlEntry& entry : namespaces.sysctls) sysctls[entry.path] = entry.value;
  return {{"network", namespaces.network == NetworkNamespace::fresh ? "fresh" : "host"},
          {"fresh", {"user", "mount", "pid", "ipc", "uts", "cgroup"}},
          {"sysctls", sysctls}};
}

Json mounts_json(const std::vector<MountEntry>& mounts) {
  Json json = Json::array();
  for (const MountEntry& entry : mounts) json.push_back(mount_json(entry));
  return json;
}

}  // namespace

std::string plan_json(const SandboxPlan& plan) {
  Json json{{"sandbox", plan.sandbox},
            {"mode", mode_name(plan.mode)},
            {"policy", {{"name", plan.policy_name}, {"sha256", plan.policy_hash}}},
            {"image",
             {{"kind", image_kind_name(plan.image_kind)},
              {"path", plan.image_path},
              {"layers", plan.image_layers}}},
            {"hostname", plan.hostname},
            {"backends", plan.backends},
            {"reduced", plan.reduced},
            {"process", process_json(plan.process)},
            {"identity", identity_json(plan.identity)},
            {"namespaces", namespaces_json(plan.namespaces)},
            {"mounts", mounts_json(plan.mounts)},
            {"rlimits", rlimits_json(plan.rlimits)},
            {"cgroup", cgroup_json(plan.cgroup)},
            {"meter", meter_json(plan.meter)},
            {"landlock", landlock_json(plan.landlock)},
            {"redirected_into", plan.redirect.directory},
            {"cgroup_bpf",
             {{"attached", plan.cgroup_bpf.attached},
              {"connect", endpoints_json(plan.cgroup_bpf.connect)},
              {"listen", endpoints_json(plan.cgroup_bpf.listen)},
              {"restrict_devices", plan.cgroup_bpf.restrict_devices}}},
            {"bpf_lsm", lsm_json(plan.lsm)},
            {"broker", broker_json(plan.broker)}};
  if (plan.ask.opens)
    json["ask"] = {{"within", plan.ask.within},
                   {"never", plan.ask.never},
                   {"patience_ms", plan.ask.patience.count()}};
  if (plan.supervisor_loss != SupervisorLoss::kill)
    json["supervisor_loss"] = plan.supervisor_loss == SupervisorLoss::adopt ? "adopt" : "freeze";
  if (plan.wall) json["wall_ms"] = plan.wall->count();
  json["rules"] = rules_json(plan.rules);
  json["filter"] = filter_json(plan.filter);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace yett

#include "runsc-like/oci/state/container_state.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "runsc-like/oci/config/field.hpp"
#include "runsc-like/oci/config/json_document.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett::oci {
namespace {

constexpr int kVersion = 1;

void write_document(JsonWriter& json, const ContainerState& state, ContainerStatus status) {
  json.member("ociVersion", state.oci_version).member("id", state.id);
  json.member("pid", status == ContainerStatus::stopped ? 0 : state.pid);
  json.member("status", container_status_name(status)).member("bundle", state.bundle);
}

void write_sandbox(JsonWriter& json, const SandboxFacts& facts) {
  json.key("sandbox").begin_object().member("supervisor", facts.supervisor);
  json.member("supervisorStart", facts.supervisor_start).member("image", facts.image);
  json.member("command", facts.command).member("log", facts.log);
  json.member("removeAtEnd", facts.remove_at_end).member("layers", facts.layers);
  json.member("overlay", facts.overlay).member("mounts", facts.mounts).end_object();
}

void read(const Field& field, SandboxFacts& facts) {
  read(field.require("supervisor"), facts.supervisor);
  read(field.require("supervisorStart"), facts.supervisor_start);
  read(field["image"], facts.image);
  read(field["command"], facts.command);
  read(field["log"], facts.log);
  read(field["removeAtEnd"], facts.remove_at_end);
  read(field["layers"], facts.layers);
  read(field["overlay"], facts.overlay);
  read(field["mounts"], facts.mounts);
}

bool allowed_in_id(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '_' || byte == '+' || byte == '.' || byte == '-';
}

}  // namespace

const char* container_status_name(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::creating:
      return "creating";
    case ContainerStatus::created:
      return "created";
    case ContainerStatus::running:
      return "running";
    case ContainerStatus::paused:
      return "paused";
    case ContainerStatus::stopped:
      return "stopped";
  }
  return "stopped";
}

Status check_has_cgroup(const ContainerState& state) {
  if (!state.cgroups.empty()) return {};
  return fail(host_error(state.id, "the container has no cgroup of its own",
                         "have one delegated, and create it anew"));
}

std::string state_file_text(const ContainerState& state) {
  JsonWriter json;
  json.begin_object().member("version", kVersion);
  json.member("ociVersion", state.oci_version).member("id", state.id).member("pid", state.pid);
  json.member("pidStart", state.pid_start).member("bundle", state.bundle);
  json.member("rootfs", state.root).member("created", state.created).member("owner", state.owner);
  json.member("program", state.program).member("cgroups", state.cgroups);
  json.member("cgroupV2", state.cgroup_v2).member("cgroupPath", state.cgroup_path);
  if (!state.systemd_unit.empty()) json.member("systemdUnit", state.systemd_unit);
  if (!state.rdt_joined.empty())
    json.member("rdtMade", state.rdt_made).member("rdtJoined", state.rdt_joined);
  if (state.moved_root) json.member("movedRoot", state.moved_root);
  json.member("annotations", state.annotations);
  if (state.sandbox) write_sandbox(json, *state.sandbox);
  return json.end_object().text();
}

Result<ContainerState> parse_state_file(std::string_view text, const std::string& name) {
  YETT_TRY(const JsonValue document, parse_json(text, name));
  Reading reading{.file_name = name, .root = &document, .problems = {}, .warnings = {}};
  const Field root(reading);
  int version = 0;
  ContainerState state;
  read(root.require("version"), version);
  if (version != kVersion)
    return fail(request_error(name, "is of version " + std::to_string(version),
                              "it was written by another yett: use that one, or delete --force"));
  read(root["ociVersion"], state.oci_version);
  read(root.require("id"), state.id);
  read(root.require("pid"), state.pid);
  read(root.require("pidStart"), state.pid_start);
  read(root.require("bundle"), state.bundle);
  read(root["rootfs"], state.root);
  read(root["created"], state.created);
  read(root["owner"], state.owner);
  read(root["program"], state.program);
  read(root["cgroups"], state.cgroups);
  read(root["cgroupV2"], state.cgroup_v2);
  read(root["cgroupPath"], state.cgroup_path);
  read(root["systemdUnit"], state.systemd_unit);
  read(root["rdtMade"], state.rdt_made);
  read(root["rdtJoined"], state.rdt_joined);
  read(root["movedRoot"], state.moved_root);
  read(root["annotations"], state.annotations);
  if (const Field sandbox = root["sandbox"]; sandbox.there())
    read(sandbox, state.sandbox.emplace());
  YETT_CHECK(reading.finish());
  return state;
}

std::string state_document(const ContainerState& state, ContainerStatus status) {
  JsonWriter json;
  json.begin_object();
  write_document(json, state, status);
  if (!state.annotations.empty()) json.member("annotations", state.annotations);
  return json.end_object().text();
}

std::string process_state_document(const ContainerState& state, ContainerStatus status, int pid,
                                   const std::string& metadata) {
  JsonWriter json;
  json.begin_object().member("ociVersion", state.oci_version);
  json.member("fds", std::vector<std::string>{"seccompFd"}).member("pid", pid);
  if (!metadata.empty()) json.member("metadata", metadata);
  json.key("state").begin_object();
  write_document(json, state, status);
  if (!state.annotations.empty()) json.member("annotations", state.annotations);
  return json.end_object().end_object().text();
}

std::string long_state_document(const ContainerState& state, ContainerStatus status) {
  JsonWriter json;
  json.begin_object();
  write_document(json, state, status);
  json.member("rootfs", state.root).member("created", state.created);
  if (!state.annotations.empty()) json.member("annotations", state.annotations);
  return json.member("owner", state.owner).end_object().text();
}

Status check_container_id(std::string_view id) {
  constexpr std::size_t kLongest = 1024;
  const bool good = !id.empty() && id.size() <= kLongest && id != "." && id != ".." &&
                    std::ranges::all_of(id, allowed_in_id);
  if (good) return {};
  return fail(request_error(std::string(id.substr(0, 64)), "invalid container ID format",
                            "letters, digits and any of _ + . -"));
}

}  // namespace yett::oci

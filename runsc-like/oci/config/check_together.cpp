// What the members of a config.json must be to each other. Each of these runtimes refuse before
// anything is created, because what was asked would else be done to the host.
#include <fmt/format.h>

#include <algorithm>

#include "runsc-like/oci/config/mount_options.hpp"
#include "runsc-like/oci/config/read_parts.hpp"

namespace yett::oci {
namespace {

bool has(const Config& config, NamespaceType type) {
  return config.linux_.find_namespace(type) != nullptr;
}

bool makes(const Config& config, NamespaceType type) {
  const Namespace* space = config.linux_.find_namespace(type);
  return space != nullptr && space->path.empty();
}

void need_namespace(const Field& field, const Config& config, NamespaceType type) {
  if (field.there() && !has(config, type))
    field.reject(fmt::format("needs a {} namespace of the container", namespace_type_name(type)),
                 "add it to /linux/namespaces");
}

void check_names(const Field& root, const Config& config) {
  constexpr std::size_t kMaxName = 64;  // __NEW_UTS_LEN
  for (const char* name : {"hostname", "domainname"}) {
    const std::string& text = name[0] == 'h' ? config.hostname : config.domainname;
    if (text.empty()) continue;
    // SECURITY(host-name): without a namespace the host's own name would be set.
    need_namespace(root[name], config, NamespaceType::uts);
    if (text.size() > kMaxName) root[name].reject(fmt::format("is longer than {} bytes", kMaxName));
  }
}

void check_user_namespace(const Field& field, const Config& config) {
  const Linux& section = config.linux_;
  if (!section.uid_mappings.empty())
    need_namespace(field["uidMappings"], config, NamespaceType::user);
  if (!section.gid_mappings.empty())
    need_namespace(field["gidMappings"], config, NamespaceType::user);
  if (!makes(config, NamespaceType::user)) return;
  if (section.uid_mappings.empty())
    field["uidMappings"].reject("is missing", "a new user namespace needs its ids mapped");
  if (section.gid_mappings.empty())
    field["gidMappings"].reject("is missing", "a new user namespace needs its ids mapped");
}

void check_time_offsets(const Field& field, const Config& config) {
  if (!config.linux_.time_offsets.empty() && !makes(config, NamespaceType::time))
    field["timeOffsets"].reject("needs a new time namespace",
                                "add one without a path to /linux/namespaces");
}

void check_mount_namespace(const Field& field, const Config& config) {
  if (!config.linux_.masked_paths.empty())
    need_namespace(field["maskedPaths"], config, NamespaceType::mount);
  if (!config.linux_.readonly_paths.empty())
    need_namespace(field["readonlyPaths"], config, NamespaceType::mount);
}

bool begins_with_any(std::string_view name, std::initializer_list<std::string_view> prefixes) {
  return std::ranges::any_of(prefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool is_ipc_sysctl(std::string_view name) {
  return begins_with_any(name, {"fs.mqueue.", "kernel.msg", "kernel.sem", "kernel.shm"});
}

// SECURITY(sysctl-namespaces): only what belongs to a namespace of the container is set; all else
// is the host's.
void check_sysctl(const Field& field, const std::string& written, const Config& config) {
  std::string name = written;
  std::ranges::replace(name, '/', '.');
  const Field entry = field[written];
  if (name == "kernel.hostname")
    entry.reject("is set by the hostname of the configuration", "write /hostname");
  else if (name == "kernel.domainname")
    need_namespace(entry, config, NamespaceType::uts);
  else if (is_ipc_sysctl(name))
    need_namespace(entry, config, NamespaceType::ipc);
  else if (name.starts_with("net."))
    need_namespace(entry, config, NamespaceType::network);
  else if (name.starts_with("user."))
    need_namespace(entry, config, NamespaceType::user);
  else
    entry.reject("belongs to no namespace: it would change the host", "leave it out");
}

void check_idmap(const Field& field, const Mount& mount, const Config& config) {
  const bool uids = !mount.uid_mappings.empty();
  const bool gids = !mount.gid_mappings.empty();
  if (uids != gids)
    field[uids ? "gidMappings" : "uidMappings"].reject("is missing", "both or none");
  check_mappings(field["uidMappings"], mount.uid_mappings);
  check_mappings(field["gidMappings"], mount.gid_mappings);
  const MountOptions options = parse_mount_options(mount.options);
  if (options.idmap != IdMap::none && !uids && !has(config, NamespaceType::user))
    field["options"].reject("idmap needs mappings: the mount and the container have none",
                            "add uidMappings and gidMappings");
  const bool asked = uids || options.idmap != IdMap::none;
  if (asked && !options.bind)
    field[uids ? "uidMappings" : "options"].reject("ids are mapped of bind mounts only");
  for (const std::string& option : options.filesystem)
    if (option.starts_with("idmap=") || option.starts_with("ridmap="))
      field["options"].reject(fmt::format("'{}' is none of the specification's", option),
                              "idmap, with uidMappings and gidMappings");
  if (options.bind && mount.source.empty() && !field["source"].there())
    field["source"].reject("is missing", "a bind mount needs it");
}

}  // namespace

void check_together(const Field& root, const Config& config) {
  const Field linux_field = root["linux"];
  check_names(root, config);
  check_user_namespace(linux_field, config);
  check_time_offsets(linux_field, config);
  check_mount_namespace(linux_field, config);
  for (const auto& [name, value] : config.linux_.sysctl)
    check_sysctl(linux_field["sysctl"], name, config);
  if (!config.linux_.net_devices.empty())
    need_namespace(linux_field["netDevices"], config, NamespaceType::network);
  for (std::size_t i = 0; i < config.mounts.size(); ++i)
    check_idmap(root["mounts"].at(i), config.mounts[i], config);
}

}  // namespace yett::oci

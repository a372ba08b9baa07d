#include <fmt/format.h>
#include <linux/mempolicy.h>

#include <algorithm>

#include "runsc-like/oci/config/names.hpp"
#include "runsc-like/oci/config/number_list.hpp"
#include "runsc-like/oci/config/read_parts.hpp"

namespace yett::oci {

static bool has_line_end(std::string_view text) {
  return text.find_first_of("\n\r") != std::string_view::npos;
}

static bool has_parent_step(const std::string& path) {
  return ("/" + path + "/").find("/../") != std::string::npos;
}

static void read(const Field& field, Namespace& space) {
  if (!is_object(field)) return;
  if (const auto type = read_choice(field.require("type"), namespace_names()))
    space.type = static_cast<NamespaceType>(*type);
  read(field["path"], space.path);
  if (!space.path.empty()) need_absolute(field["path"], space.path);
}

static void check_namespaces(const Field& field, const std::vector<Namespace>& namespaces) {
  for (std::size_t i = 0; i < namespaces.size(); ++i)
    for (std::size_t before = 0; before < i; ++before)
      if (namespaces[before].type == namespaces[i].type && field.at(i)["type"].there())
        field.at(i)["type"].reject(
            fmt::format("{} is there twice", namespace_type_name(namespaces[i].type)), "keep one");
}

void read(const Field& field, IdMapping& mapping) {
  if (!is_object(field)) return;
  read(field.require("containerID"), mapping.container_id);
  read(field.require("hostID"), mapping.host_id);
  read_number(field.require("size"), mapping.size, 1U, UINT32_MAX);
}

static bool overlap(std::uint64_t first, std::uint64_t first_size, std::uint64_t second,
                    std::uint64_t second_size) {
  return first < second + second_size && second < first + first_size;
}

void check_mappings(const Field& field, const std::vector<IdMapping>& mappings) {
  constexpr std::size_t kKernelMax = 340;  // user_namespaces(7)
  if (mappings.size() > kKernelMax)
    return field.reject(fmt::format("has more than the kernel's {} mappings", kKernelMax));
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const IdMapping& mapping = mappings[i];
    const std::uint64_t size = mapping.size;
    // SECURITY(id-mappings): an end beyond 2^32 would wrap around to id 0.
    if (mapping.container_id + size > UINT32_MAX || mapping.host_id + size > UINT32_MAX)
      field.at(i).reject("ends beyond the last id, 4294967294");
    for (std::size_t before = 0; before < i; ++before)
      if (overlap(mapping.container_id, size, mappings[before].container_id,
                  mappings[before].size) ||
          overlap(mapping.host_id, size, mappings[before].host_id, mappings[before].size))
        field.at(i).reject(fmt::format("overlaps mapping {}", before), "map each id once");
  }
}

static void read(const Field& field, TimeOffset& offset) {
  if (!is_object(field)) return;
  read(field["secs"], offset.secs);
  read_number(field["nanosecs"], offset.nanosecs, 0U, 999'999'999U);
}

static void read(const Field& field, Device& device) {
  if (!is_object(field)) return;
  std::string type;
  read(field.require("type"), type);
  const bool known = type == "c" || type == "u" || type == "b" || type == "p";
  if (field["type"].there() && !known)
    field["type"].reject(fmt::format("'{}' is no type of device", type), "c, u, b or p");
  device.type = type == "b" || type == "p" ? type[0] : 'c';
  read(field.require("path"), device.path);
  need_absolute(field["path"], device.path);
  // A FIFO has no numbers; for the others the specification requires them.
  const bool numbered = known && type != "p";
  const Field major = numbered ? field.require("major") : field["major"];
  const Field minor = numbered ? field.require("minor") : field["minor"];
  read_number(major, device.major, std::int64_t{0}, std::int64_t{0xFFF});
  read_number(minor, device.minor, std::int64_t{0}, std::int64_t{0xFFFFF});
  // Engines write the bits of the file's type too.
  read_number(field["fileMode"], device.file_mode, 0U, 0177777U);
  if (device.file_mode) *device.file_mode &= 07777U;
  read(field["uid"], device.uid);
  read(field["gid"], device.gid);
}

// What the kernel takes for a network device's name.
static bool is_interface_name(std::string_view name) {
  constexpr std::size_t kMax = 15;
  return !name.empty() && name.size() <= kMax && name != "." && name != ".." &&
         name.find_first_of("/: \t\n\v\f\r") == std::string_view::npos;
}

static void read(const Field& field, NetDevice& device) {
  if (!is_object(field)) return;
  read(field["name"], device.name);
  if (!device.name.empty() && !is_interface_name(device.name))
    field["name"].reject(fmt::format("'{}' is no name of a network device", device.name),
                         "at most 15 characters, no / : or blank");
}

static void check_net_devices(const Field& field, const std::map<std::string, NetDevice>& devices) {
  std::map<std::string, std::string> inside;
  for (const auto& [name, device] : devices) {
    if (!is_interface_name(name))
      field[name].reject("is no name of a network device",
                         "at most 15 characters, no / : or blank");
    const auto [taken, added] = inside.emplace(device.name.empty() ? name : device.name, name);
    if (!added)
      field[name].reject(
          fmt::format("and {} would both be {} in the container", taken->second, taken->first),
          "give each a name of its own");
  }
}

// SECURITY(sysctl-values): names are dotted or slashed words, values one line, so that neither the
// path under /proc/sys nor a file written line by line can be made to mean something else.
static void check_sysctl(const Field& field, const std::map<std::string, std::string>& values) {
  constexpr std::string_view kNameCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
  for (const auto& [name, value] : values) {
    const bool words = name.find_first_not_of(kNameCharacters) == std::string::npos;
    const bool framed =
        name.empty() || name.find_first_of("./") == 0 || name.find_last_of("./") == name.size() - 1;
    const bool stepped =
        name.find("..") != std::string::npos || name.find("//") != std::string::npos ||
        name.find("./") != std::string::npos || name.find("/.") != std::string::npos;
    if (!words || framed || stepped)
      field[name].reject("is no name of a sysctl", "like net.ipv4.ip_forward");
    if (has_line_end(value)) field[name].reject("is more than one line", "a sysctl's value is one");
  }
}

static void read_paths(const Field& field, std::vector<std::string>& paths) {
  read(field, paths);
  for (std::size_t i = 0; i < paths.size(); ++i) need_absolute(field.at(i), paths[i]);
}

static void read(const Field& field, IntelRdt& rdt) {
  if (!is_object(field)) return;
  read(field["closID"], rdt.clos_id);
  // SECURITY(clos-names): the name becomes a directory under /sys/fs/resctrl.
  // "/" alone is the default class, the filesystem's root.
  const bool steps = rdt.clos_id.find('/') != std::string::npos && rdt.clos_id != "/";
  if (rdt.clos_id == "." || rdt.clos_id == ".." || steps || has_line_end(rdt.clos_id))
    field["closID"].reject(fmt::format("'{}' is no name of a directory", rdt.clos_id));
  read(field["schemata"], rdt.schemata);
  for (std::size_t i = 0; i < rdt.schemata.size(); ++i)
    if (has_line_end(rdt.schemata[i])) field["schemata"].at(i).reject("is more than one line");
  read(field["l3CacheSchema"], rdt.l3_cache_schema);
  read(field["memBwSchema"], rdt.mem_bw_schema);
  const bool bandwidth = rdt.mem_bw_schema.starts_with("MB:") && !has_line_end(rdt.mem_bw_schema);
  if (!rdt.mem_bw_schema.empty() && !bandwidth)
    field["memBwSchema"].reject("is no schema of memory bandwidth", "one line, MB:...");
  read(field["enableCMT"], rdt.enable_cmt);
  read(field["enableMBM"], rdt.enable_mbm);
  read(field["enableMonitoring"], rdt.enable_monitoring);
}

static void read_personality(const Field& field, std::optional<std::uint32_t>& personality) {
  if (!field.there() || !is_object(field)) return;
  if (const auto domain = read_choice(field.require("domain"), personality_names()))
    personality = static_cast<std::uint32_t>(*domain);
  std::vector<std::string> flags;
  read(field["flags"], flags);
  if (!flags.empty())
    field["flags"].at(0).reject("the specification defines no flag", "leave it out");
}

// set_mempolicy(2).
static void check_memory_policy(const Field& field, const MemoryPolicy& policy) {
  const bool nodes = policy.nodes.find_first_not_of(' ') != std::string::npos;
  const bool without = policy.mode == MPOL_DEFAULT || policy.mode == MPOL_LOCAL;
  if (nodes && without) field["nodes"].reject("this mode is without nodes", "leave it out");
  if (!nodes && !without && policy.mode != MPOL_PREFERRED)
    field["nodes"].reject("is missing: this mode is about nodes", "like 0-1");
  constexpr std::uint32_t kBoth = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
  if ((policy.flags & kBoth) == kBoth)
    field["flags"].reject("nodes are static or relative, not both", "keep one");
}

static void read(const Field& field, MemoryPolicy& policy) {
  if (!is_object(field)) return;
  const auto mode = read_choice(field.require("mode"), memory_policy_mode_names());
  if (mode) policy.mode = static_cast<std::uint32_t>(*mode);
  read(field["nodes"], policy.nodes);
  check_number_list(field["nodes"], policy.nodes);
  const Field flags = field["flags"];
  if (flags.there() && flags.is_a(JsonValue::Kind::array, "an array"))
    for (std::size_t i = 0; i < flags.value().items.size(); ++i)
      if (const auto flag = read_choice(flags.at(i), memory_policy_flag_names()))
        policy.flags |= static_cast<std::uint32_t>(*flag);
  if (mode) check_memory_policy(field, policy);
}

static void read_time_offsets(const Field& field, std::map<std::string, TimeOffset>& offsets) {
  read(field, offsets);
  for (const auto& [clock, offset] : offsets)
    if (clock != "monotonic" && clock != "boottime")
      field[clock].reject("is no clock of a time namespace", "monotonic or boottime");
}

void check_number_list(const Field& field, const std::string& list) {
  if (!parse_number_list(list))
    field.reject(fmt::format("'{}' is no list of numbers", list), "like 0-3,7");
}

static void read_identity(const Field& field, Linux& linux_section) {
  read(field["namespaces"], linux_section.namespaces);
  check_namespaces(field["namespaces"], linux_section.namespaces);
  read(field["uidMappings"], linux_section.uid_mappings);
  check_mappings(field["uidMappings"], linux_section.uid_mappings);
  read(field["gidMappings"], linux_section.gid_mappings);
  check_mappings(field["gidMappings"], linux_section.gid_mappings);
  read_time_offsets(field["timeOffsets"], linux_section.time_offsets);
}

static void read_cgroup(const Field& field, Linux& linux_section) {
  read(field["cgroupsPath"], linux_section.cgroups_path);
  // SECURITY(cgroup-path): the path is joined to the hierarchy's mount point.
  if (has_parent_step(linux_section.cgroups_path) || has_line_end(linux_section.cgroups_path))
    field["cgroupsPath"].reject("leads out of the hierarchy", "no .. and no line end");
  read(field["resources"], linux_section.resources);
}

void read(const Field& field, Linux& linux_section) {
  if (!field.there() || !is_object(field)) return;
  read_identity(field, linux_section);
  read(field["devices"], linux_section.devices);
  read(field["netDevices"], linux_section.net_devices);
  check_net_devices(field["netDevices"], linux_section.net_devices);
  read_cgroup(field, linux_section);
  std::string propagation;
  read(field["rootfsPropagation"], propagation);
  if (!propagation.empty())
    if (const auto mode = read_choice(field["rootfsPropagation"], propagation_names()))
      linux_section.rootfs_propagation = static_cast<Propagation>(*mode);
  linux_section.propagation_of_submounts = propagation.starts_with('r');
  if (field["seccomp"].there()) read_seccomp(field["seccomp"], linux_section.seccomp.emplace());
  read(field["sysctl"], linux_section.sysctl);
  check_sysctl(field["sysctl"], linux_section.sysctl);
  read_paths(field["maskedPaths"], linux_section.masked_paths);
  read_paths(field["readonlyPaths"], linux_section.readonly_paths);
  read(field["mountLabel"], linux_section.mount_label);
  read(field["intelRdt"], linux_section.intel_rdt);
  read_personality(field["personality"], linux_section.personality);
  read(field["memoryPolicy"], linux_section.memory_policy);
}

}  // namespace yett::oci

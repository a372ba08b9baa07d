#include "sandbox/plan/mount_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

// A mount asked for by a rule or a flag, and by which.
struct Place {
  MountEntry entry;
  std::string asked_by;  // "p.toml:3:9: files.write /data", "-v /a:/b"
};
using Places = std::vector<Place>;

std::string rule_name(const SourceLocation& source, std::string_view key, std::string_view path) {
  return fmt::format("{}: files.{} {}", source.text(), key, escape_for_terminal(path));
}

bool is_host_image(const SandboxRequest& request) {
  return request.image_kind == ImageKind::host || !request.exec_dir.empty();
}

MountEntry writable_bind(const PlanInputs& inputs, std::string source, std::string target) {
  MountEntry entry{
      .kind = MountKind::bind, .target = std::move(target), .source = std::move(source)};
  entry.writable = Writable::yes;
  entry.executable = executable_when_written(inputs.policy);
  entry.map_owner = !keeps_owners(inputs, entry.source);
  return entry;
}

MountEntry writable_part_of_image(const PlanInputs& inputs, const std::string& path) {
  MountEntry entry{.kind = MountKind::overlay, .target = path, .source = path};
  entry.lower_in_image = true;
  entry.writable = Writable::yes;
  entry.executable = executable_when_written(inputs.policy);
  entry.size_bytes = scratch_sizes(inputs.policy).root;
  entry.owned_by_user = true;
  return entry;
}

// ---- from rules and flags to places -------------------------------------------------------------

Status add_read_rules(const PlanInputs& inputs, Places& places) {
  if (!is_host_image(inputs.request)) return {};  // all of an image can be read
  for (const PathRule& rule : inputs.policy.files.read) {
    if (rule.path == "/")
      return fail(request_error(rule_name(rule.source, "read", "/"),
                                "the whole host would be inside", "name the directories needed"));
    if (is_within(rule.path, "/usr")) continue;  // shown already
    places.push_back({read_only_bind(rule.path, rule.path, executable_by_default(inputs.policy)),
                      rule_name(rule.source, "read", rule.path)});
  }
  return {};
}

Status add_write_rules(const PlanInputs& inputs, Places& places) {
  for (const PathRule& rule : inputs.policy.files.write) {
    const std::string name = rule_name(rule.source, "write", rule.path);
    if (!is_host_image(inputs.request)) {
      if (rule.path != "/") places.push_back({writable_part_of_image(inputs, rule.path), name});
      continue;
    }
    if (rule.path == "/")
      return fail(
          request_error(name, "the whole host would be writable", "name the directories needed"));
    places.push_back({writable_bind(inputs, rule.path, rule.path), name});
  }
  return {};
}

void add_tmpfs_rules(const PlanInputs& inputs, Places& places) {
  for (const TmpfsRule& rule : inputs.policy.files.tmpfs) {
    if (rule.path == "/tmp") continue;  // every image has it
    MountEntry entry = tmpfs_entry(rule.path, rule.size_bytes);
    entry.executable = executable_when_written(inputs.policy);
    places.push_back({std::move(entry), rule_name(rule.source, "tmpfs", rule.path)});
  }
}

// A socket is reached through its file, so showing the file is the rule.
void add_socket_rules(const PlanInputs& inputs, Places& places) {
  if (!is_host_image(inputs.request)) return;
  for (const EndpointRule& rule : inputs.policy.network.connect)
    if (rule.scheme == EndpointScheme::unix_path)
      places.push_back({read_only_bind(rule.path, rule.path, Executable::no),
                        fmt::format("{}: network.connect {}", rule.source.text(), rule.text)});
}

// Whoever names a volume lends it: its owner is the sandbox's user, whether it may write or not.
MountEntry volume_mount(const PlanInputs& inputs, const VolumeRequest& volume) {
  if (!volume.read_only) return writable_bind(inputs, volume.source, volume.target);
  MountEntry entry =
      read_only_bind(volume.source, volume.target, executable_by_default(inputs.policy));
  entry.map_owner = !keeps_owners(inputs, entry.source);
  return entry;
}

void add_volumes(const PlanInputs& inputs, Places& places) {
  for (const VolumeRequest& volume : inputs.request.volumes)
    places.push_back(
        {volume_mount(inputs, volume), fmt::format("-v {}:{}", volume.source, volume.target)});
  const std::string& data = inputs.request.data_dir;
  if (!data.empty())
    places.push_back({writable_bind(inputs, data, data), fmt::format("--data-dir {}", data)});
}

// ---- checks -------------------------------------------------------------------------------------

// Normalises the target and keeps it away from what the runtime makes itself.
Status check_target(Place& place) {
  auto normal = normalise_path(place.entry.target);
  if (!normal) return fail(request_error(place.asked_by, normal.error()));
  place.entry.target = std::move(*normal);
  for (const char* ours : {"/proc", "/dev"})
    if (is_within(place.entry.target, ours))
      return fail(request_error(place.asked_by, fmt::format("{} is the sandbox's own", ours),
                                "choose another place"));
  if (place.entry.target == "/")
    return fail(request_error(place.asked_by, "the root is the image's", "choose another place"));
  return {};
}

Status check_distinct(const Places& sorted) {
  for (std::size_t i = 1; i < sorted.size(); ++i)
    if (sorted[i].entry.target == sorted[i - 1].entry.target)
      return fail(request_error(sorted[i].asked_by,
                                "the same place is asked for by " + sorted[i - 1].asked_by,
                                "keep one"));
  return {};
}

bool is_host_bind(const MountEntry& entry) { return entry.kind == MountKind::bind; }

// What of `shown`'s files `written` can change, as `shown` names it inside; empty: nothing.
std::string alias_of(const MountEntry& written, const MountEntry& shown) {
  if (is_within(shown.source, written.source)) return shown.target;
  if (!is_within(written.source, shown.source)) return {};
  const std::string below = written.source.substr(shown.source == "/" ? 0 : shown.source.size());
  return (shown.target == "/" ? "" : shown.target) + below;
}

// SECURITY(write-execute-alias): the same files writable at one place and executable at another
// would undo the rule. A rule's or flag's own read-only mount gives its execution up; the image's
// programs cannot.
Status check_aliases(const PlanInputs& inputs, const std::vector<MountEntry>& image,
                     Places& places) {
  if (inputs.policy.exec.written_files || inputs.features.bpf_lsm.usable) return {};
  for (const Place& written : places) {
    if (!is_host_bind(written.entry) || written.entry.writable == Writable::no) continue;
    for (Place& shown : places) {
      const std::string alias = alias_of(written.entry, shown.entry);
      if (is_host_bind(shown.entry) && !alias.empty() && alias != written.entry.target)
        shown.entry.executable = Executable::no;
    }
    for (const MountEntry& shown : image) {
      if (!is_host_bind(shown) || shown.executable == Executable::no) continue;
      const std::string alias = alias_of(written.entry, shown);
      if (!alias.empty() && alias != written.entry.target)
        return fail(request_error(written.asked_by,
                                  fmt::format("its files can also be executed as {}", alias),
                                  "add :ro, or grant [exec] written_files = true"));
    }
  }
  return {};
}

// ---- [files] exec and deny ----------------------------------------------------------------------

void add_remount(const std::string& path, std::vector<MountEntry>& entries) {
  MountEntry entry{.kind = MountKind::remount, .target = path};
  entry.executable = Executable::yes;
  entry.optional = true;
  entries.push_back(std::move(entry));
}

// With a list, nothing else can be executed; libraries must still be mapped. Landlock refuses to
// execute the programs that lie among them.
void add_exec_rules(const Policy& policy, std::vector<MountEntry>& entries) {
  if (policy.files.exec.empty()) return;
  for (const char* libraries :
       {"/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib"})
    add_remount(libraries, entries);
  for (const PathRule& rule : policy.files.exec) {
    add_remount(rule.path, entries);
    entries.back().asked_by = rule_name(rule.source, "exec", rule.path);
  }
}

void add_deny_rules(const Policy& policy, std::vector<MountEntry>& entries) {
  for (const PathRule& rule : policy.files.deny) {
    entries.push_back({.kind = MountKind::mask, .target = rule.path});
    entries.back().asked_by = rule_name(rule.source, "deny", rule.path);
  }
}

// Whoever is root of a namespace alone can make no device, and what is mounted below a place is
// locked to it: one is shown with the other. user_namespaces(7), mount_namespaces(7).
void adapt_to_rootless(std::vector<MountEntry>& entries) {
  for (MountEntry& entry : entries) {
    if (entry.kind == MountKind::device) entry.devices = true;
    if (entry.kind == MountKind::device) entry.kind = MountKind::bind;
    if (entry.kind == MountKind::bind) entry.recursive = true;
  }
}

Status add_image(const PlanInputs& inputs, std::vector<MountEntry>& entries) {
  const SandboxRequest& request = inputs.request;
  if (!request.overlay_host_dirs.empty() || !request.exec_dir.empty())
    return add_overlaid_host(inputs, entries);
  if (request.image_kind != ImageKind::host) return add_packaged_image(inputs, entries);
  if (!request.overlay_dir.empty())
    return fail(request_error("--overlay " + request.overlay_dir,
                              "the host image has no overlay of its own",
                              "add --overlay-dirs /usr,/etc or run an image"));
  add_host_image(inputs, entries);
  return {};
}

Result<Places> make_places(const PlanInputs& inputs) {
  Places places;
  YETT_CHECK(add_read_rules(inputs, places));
  YETT_CHECK(add_write_rules(inputs, places));
  add_tmpfs_rules(inputs, places);
  add_socket_rules(inputs, places);
  add_volumes(inputs, places);
  for (Place& place : places) YETT_CHECK(check_target(place));
  // A parent's path sorts before its children's, so that none is mounted over.
  std::ranges::sort(places, {}, [](const Place& place) { return place.entry.target; });
  YETT_CHECK(check_distinct(places));
  return places;
}

}  // namespace

bool keeps_owners(const PlanInputs& inputs, const std::string& source) {
  return !inputs.features.idmapped_mounts.usable ||
         std::ranges::find(inputs.context.keeps_owners, source) !=
             inputs.context.keeps_owners.end();
}

Result<std::vector<MountEntry>> make_mounts(const PlanInputs& inputs) {
  std::vector<MountEntry> entries;
  YETT_CHECK(add_image(inputs, entries));
  YETT_TRY(Places places, make_places(inputs));
  YETT_CHECK(check_aliases(inputs, entries, places));
  add_system_mounts(inputs, entries);
  for (Place& place : places) {
    // A rule about a place that the image already makes takes that place.
    std::erase_if(entries,
                  [&](const MountEntry& entry) { return entry.target == place.entry.target; });
    place.entry.asked_by = std::move(place.asked_by);
    entries.push_back(std::move(place.entry));
  }
  add_exec_rules(inputs.policy, entries);
  add_deny_rules(inputs.policy, entries);
  if (is_rootless(inputs)) adapt_to_rootless(entries);
  return entries;
}

}  // namespace yett

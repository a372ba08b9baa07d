// The mounts of a directory or package image, and of ROCKER's form over the host's directories.
#include <fmt/format.h>

#include <algorithm>

#include "sandbox/plan/mount_plan.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kSmallScratch = 16ULL << 20;
constexpr const char* kMendOfWritten =
    "grant [exec] written_files = true, or use a host whose BPF LSM can hold the rule";

bool holds_written_files(const PlanInputs& inputs) {
  return inputs.policy.exec.written_files || inputs.features.bpf_lsm.usable;
}

const PathRule* write_rule_of_root(const Policy& policy) {
  const auto found = std::ranges::find(policy.files.write, "/", &PathRule::path);
  return found == policy.files.write.end() ? nullptr : &*found;
}

// Writable and executable at once: only where a later plane refuses what was written.
Status check_writable_root(const PlanInputs& inputs) {
  if (holds_written_files(inputs)) return {};
  if (const PathRule* rule = write_rule_of_root(inputs.policy))
    return fail(host_error(rule->source.text() + ": files.write \"/\"",
                           "the root holds the programs, so no mount can let it be written and "
                           "keep written files from being executed",
                           kMendOfWritten));
  if (!inputs.request.overlay_dir.empty())
    return fail(host_error("--overlay " + inputs.request.overlay_dir,
                           "a writable root holds the programs too, so no mount can keep written "
                           "files from being executed",
                           kMendOfWritten));
  return {};
}

bool root_is_writable(const PlanInputs& inputs) {
  return inputs.policy.exec.written_files || !inputs.request.overlay_dir.empty() ||
         write_rule_of_root(inputs.policy) != nullptr;
}

// A quarter each of a limited disk, so that all together stay within it.
std::uint64_t small_scratch(const Policy& policy) {
  const auto& disk = policy.limits.disk_bytes;
  return disk ? std::min(kSmallScratch, *disk / 4) : kSmallScratch;
}

void add_writable_places(const Policy& policy, std::vector<MountEntry>& entries) {
  const std::uint64_t small = small_scratch(policy);
  const std::uint64_t tmp = scratch_sizes(policy).root;
  entries.push_back(tmpfs_entry("/tmp", policy.limits.disk_bytes ? tmp / 4 : tmp));
  entries.back().file_mode = 01777;
  for (const char* path : {"/var/tmp", "/run", kHome})
    entries.push_back(tmpfs_entry(path, std::min(small, tmp)));
  for (auto& entry : entries)
    if (entry.kind == MountKind::tmpfs) entry.executable = executable_when_written(policy);
}

std::string_view name_of(const std::string& top_directory) {
  return std::string_view(top_directory).substr(1);
}

// /usr and its like stay executable and so read-only; /etc, /var and their like the other way.
MountEntry overlaid_directory(const PlanInputs& inputs, const std::string& path) {
  MountEntry entry{.kind = MountKind::overlay, .target = path, .source = path};
  const bool programs = holds_programs(name_of(path));
  const bool both = holds_written_files(inputs);
  entry.writable = !programs || both ? Writable::yes : Writable::no;
  entry.executable =
      programs || inputs.policy.exec.written_files ? Executable::yes : Executable::no;
  if (!inputs.request.overlay_dir.empty())
    entry.upper = fmt::format("{}/{}", inputs.request.overlay_dir, name_of(path));
  entry.size_bytes = small_scratch(inputs.policy);
  entry.owned_by_user = entry.writable == Writable::yes;
  return entry;
}

Status check_overlaid_host(const PlanInputs& inputs) {
  const SandboxRequest& request = inputs.request;
  for (const std::string& path : request.overlay_host_dirs)
    if (path.size() < 2 || path.find('/', 1) != std::string::npos)
      return fail(request_error("--overlay-dirs " + path, "it is no top directory of the host",
                                "name directories such as /usr,/var,/etc"));
  if (request.image_kind != ImageKind::host && request.exec_dir.empty())
    return fail(request_error("--overlay-dirs", "the package has no place",
                              "say where it is mounted with --exec-dir DIR"));
  if (request.image_kind == ImageKind::host && !request.exec_dir.empty())
    return fail(request_error("--exec-dir " + request.exec_dir, "there is no package to mount",
                              "name one: yett run --exec-dir DIR PACKAGE -- CMD"));
  return {};
}

}  // namespace

Status add_packaged_image(const PlanInputs& inputs, std::vector<MountEntry>& entries) {
  const Policy& policy = inputs.policy;
  YETT_CHECK(check_writable_root(inputs));
  MountEntry root{.kind = MountKind::root_image, .target = "/"};
  root.writable = root_is_writable(inputs) ? Writable::yes : Writable::no;
  root.executable = executable_by_default(policy);
  root.upper = inputs.request.overlay_dir;
  root.size_bytes = scratch_sizes(policy).root;
  root.owned_by_user = root.writable == Writable::yes;
  entries.push_back(std::move(root));
  add_name_servers(inputs, entries);
  add_writable_places(policy, entries);
  return {};
}

Status add_overlaid_host(const PlanInputs& inputs, std::vector<MountEntry>& entries) {
  YETT_CHECK(check_overlaid_host(inputs));
  const SandboxRequest& request = inputs.request;
  add_host_image(inputs, entries);
  for (const std::string& path : request.overlay_host_dirs) {
    std::erase_if(entries, [&](const MountEntry& entry) {
      return entry.target == path || entry.target.starts_with(path + "/");
    });
    entries.push_back(overlaid_directory(inputs, path));
  }
  if (request.image_kind == ImageKind::host) return {};
  MountEntry package{.kind = MountKind::package, .target = request.exec_dir};
  package.executable = executable_by_default(inputs.policy);
  entries.push_back(std::move(package));
  return {};
}

}  // namespace yett

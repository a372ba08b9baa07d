#include "sandbox/plan/mount_plan.hpp"

namespace yett {
namespace {

Executable executable_when_written(const Policy& policy) {
  return policy.exec.written_files ? Executable::yes : Executable::no;
}

void add_volumes(const SandboxRequest& request, const Policy& policy,
                 std::vector<MountEntry>& entries) {
  for (const VolumeRequest& volume : request.volumes) {
    MountEntry entry{.kind = MountKind::bind, .target = volume.target, .source = volume.source};
    entry.writable = volume.read_only ? Writable::no : Writable::yes;
    entry.executable = volume.read_only ? Executable::yes : executable_when_written(policy);
    entry.map_owner = !volume.read_only;
    entries.push_back(std::move(entry));
  }
}

}  // namespace

Result<std::vector<MountEntry>> make_mounts(const SandboxRequest& request, const Policy& policy,
                                            const KernelFeatures&, const PlanContext& context) {
  std::vector<MountEntry> entries;
  if (request.image_kind == ImageKind::host) {
    add_host_root(request, policy, context, entries);
    add_made_up_etc(request, policy, entries);
  } else {
    MountEntry root{.kind = MountKind::root_image, .target = "/"};
    root.executable = Executable::yes;
    root.size_bytes = 64ULL << 20;
    entries.push_back(std::move(root));
  }
  add_system_mounts(entries);
  if (policy.exec.written_files) entries.front().executable = Executable::yes;
  add_volumes(request, policy, entries);
  return entries;
}

}  // namespace yett

#include "supervisor/session/plan_on_host.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "sandbox/host/copied_descriptors.hpp"
#include "sandbox/host/delegated_cgroup.hpp"
#include "sandbox/host/own_directory.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/host/user_namespace.hpp"
#include "sandbox/launch/id_maps.hpp"
#include "sandbox/plan/planner.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

// What a sandbox may be given to write in, or is lent.
std::vector<std::string> lent_sources(const SandboxRequest& request, const Policy& policy) {
  std::vector<std::string> sources;
  for (const VolumeRequest& volume : request.volumes) sources.push_back(volume.source);
  if (!request.data_dir.empty()) sources.push_back(request.data_dir);
  if (request.image_kind == ImageKind::host || !request.exec_dir.empty())
    for (const PathRule& rule : policy.files.write) sources.push_back(rule.path);
  return sources;
}

// Those on file systems that cannot be idmapped: asked once for each file system, and not at all by
// who is root of a namespace that is younger than any of them: mount_setattr(2).
std::vector<std::string> sources_keeping_owners(const Host& host,
                                                const std::vector<std::string>& sources) {
  std::vector<std::string> keeping;
  std::map<dev_t, bool> known;
  for (const std::string& source : sources) {
    struct stat status{};
    if (::stat(source.c_str(), &status) != 0) continue;
    const auto [found, fresh] = known.try_emplace(status.st_dev, false);
    if (fresh && !host.made_namespace) found->second = can_be_idmapped(source);
    if (!found->second) keeping.push_back(source);
  }
  return keeping;
}

bool has_other_groups() {
  std::array<gid_t, 2> groups{};
  const int count = ::getgroups(groups.size(), groups.data());
  return count > 1 || count < 0 || (count == 1 && groups[0] != ::getegid());
}

// Looked for by who is asked for them, while it still is who it is.
Status find_more_ids(const SandboxRequest& request, Host& host) {
  if (request.ids == Ids::one) return {};
  if (::geteuid() == 0 || request.mode == Mode::fallback) {
    host.ids_missing = "a range of ids is a rootless sandbox's alone";
    return {};
  }
  auto found = find_subordinate_ids();
  if (!found && request.ids == Ids::range) return fail(std::move(found).error());
  if (found)
    host.more_ids = *found;
  else
    host.ids_missing = found.error().message();
  return {};
}

}  // namespace

// The place that is kept in comes first: in its namespace a user is somebody else.
Result<Host> look_at_host(const SandboxRequest& request, const Policy& policy) {
  const Mode mode = request.mode;
  Host host;
  if (mode == Mode::full && ::geteuid() != 0) return fail(full_mode_needs_root());
  YETT_TRY(host.runtime_directory, open_runtime_directory());
  YETT_CHECK(find_more_ids(request, host));
  host.has_groups = has_other_groups();
  if (mode == Mode::automatic || mode == Mode::rootless) {
    const uid_t before = ::geteuid();
    const Status entered = become_namespace_root(host.more_ids, OwnMounts::later);
    // Where a namespace was made and gave nothing, its caller is nobody any more.
    if (!entered && (mode == Mode::rootless || ::geteuid() != before)) return fail(entered.error());
    if (!entered) host.stepped_down = entered.error().message();
    host.made_namespace = entered && before != 0;
  }
  host.features = load_or_probe_kernel_features(host.runtime_directory, bpf_probes());
  if (host.features.is_namespace_root && wants_cgroup(policy.limits)) {
    DelegatedCgroup cgroup = take_delegated_cgroup();
    host.features.cgroup = std::move(cgroup.features);
    host.cgroup_missing = std::move(cgroup.missing);
  }
  return host;
}

Result<SandboxPlan> plan_on(const Host& host, const SandboxRequest& request, const Policy& policy,
                            int seed, PlanRules rules, const SandboxPlan* runs) {
  const bool has_namespaces = host.features.is_root || host.features.is_namespace_root;
  PlanContext context{
      .identity_seed = static_cast<std::uint32_t>(seed),
      .host_root_entries = list_host_root(),
      .keeps_owners = {},
      .caller_uid = ::geteuid(),
      .caller_gid = ::getegid(),
      .work_directory = has_namespaces ? "" : choose_work_directory(),
      .more_uids = host.more_ids ? host.more_ids->uids.count : 0,
      .more_gids = host.more_ids ? host.more_ids->gids.count : 0,
      .ids_missing = host.ids_missing,
      .has_groups = host.has_groups,
      .cgroup_missing = host.cgroup_missing,
      .copies_descriptors = !policy.network.listen.empty() && can_copy_descriptors(),
      .tells_rules = rules == PlanRules::told || request.trace,
      .runs = runs};
  if (host.features.idmapped_mounts.usable)
    context.keeps_owners = sources_keeping_owners(host, lent_sources(request, policy));
  return make_plan(request, policy, host.features, context);
}

}  // namespace yett

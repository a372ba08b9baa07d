#include "runsc-like/oci/life/remains.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/oci/life/cgroup_path.hpp"
#include "runsc-like/oci/life/systemd_scope.hpp"
#include "sandbox/container/container_cgroup.hpp"
#include "sandbox/host/probe_parts.hpp"
#include "sandbox/host/user_namespace.hpp"

namespace yett::oci {
namespace {

Error keep(const ContainerDirectory& directory, const Error& unreadable) {
  return Error{.kind = ErrorKind::system,
               .subject = directory.id(),
               .detail = "is kept: its state cannot be read (" + unreadable.message() +
                         "), and what runs of it cannot be known",
               .mend = "end its processes, then remove " + directory.path()};
}

bool is_there(const std::vector<std::string>& directories) {
  return std::ranges::any_of(directories, [](const std::string& directory) {
    return ::access(directory.c_str(), F_OK) == 0;
  });
}

void place_at(ContainerState& state, const CgroupFeatures& features, const std::string& path) {
  state.cgroup_path = path;
  state.cgroups = container_cgroup_directories(features, path);
  state.cgroup_v2 = !features.v2_mount.empty();
}

// Whether the configuration leads to a cgroup that is there.
bool find_cgroup(const Config& config, const CgroupFeatures& features, ContainerState& state) {
  if (const auto path = choose_cgroup_path(config, state.id)) {
    place_at(state, features, *path);
    if (is_there(state.cgroups)) return true;
  }
  const auto scope = parse_systemd_path(config.linux_.cgroups_path, state.id);
  if (!scope) return false;
  place_at(state, features, scope->cgroup_path);
  if (is_there(state.cgroups)) state.systemd_unit = scope->unit;
  return is_there(state.cgroups);
}

}  // namespace

Result<ContainerState> find_remains(const ContainerDirectory& directory, const Error& unreadable) {
  const auto text = directory.read_config();
  if (!text) return fail(keep(directory, unreadable));
  const auto config = parse_config(*text, "config.json");
  if (!config) return fail(keep(directory, unreadable));
  const CgroupFeatures features = probe_cgroups();
  ContainerState state;
  state.oci_version = config->oci_version;
  state.id = directory.id();
  state.annotations = config->annotations;
  if (find_cgroup(*config, features, state)) return state;
  // With the host's rights each has one as long as it lives.
  const bool always_has_one =
      in_initial_user_namespace() && (!features.v2_mount.empty() || !features.v1_mounts.empty());
  if (!always_has_one || directory.is_waiting()) return fail(keep(directory, unreadable));
  state.cgroups.clear();
  state.cgroup_path.clear();
  return state;
}

}  // namespace yett::oci

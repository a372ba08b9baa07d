// User namespace maps, written from outside by somebody who may.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// As it is written to uid_map and gid_map.
[[nodiscard]] std::string id_map_text(const std::vector<IdMapping>& mappings);

enum class Setgroups { as_before, denied };
// Writes uid_map and gid_map of the process `pid`, which waits in a fresh user namespace.
[[nodiscard]] Status write_id_maps(int pid, const std::vector<IdMapping>& uids,
                                   const std::vector<IdMapping>& gids,
                                   Setgroups setgroups = Setgroups::as_before);

// A user namespace with these maps and nobody in it: what an idmapped mount is mapped by.
[[nodiscard]] Result<UniqueFd> make_mapped_namespace(const std::vector<IdMapping>& uids,
                                                     const std::vector<IdMapping>& gids);

[[nodiscard]] bool is_same_map(const std::vector<IdMapping>& one,
                               const std::vector<IdMapping>& other);

struct IdMaps {
  std::vector<IdMapping> uids;
  std::vector<IdMapping> gids;
};
// The maps of a user namespace below the caller's own, with the caller's ids outside.
[[nodiscard]] Result<IdMaps> read_id_maps(BorrowedFd user_namespace);

// The user namespaces that the plan's idmapped mounts need, one for each owner, by mount entry.
struct MountIdMaps {
  std::vector<UniqueFd> namespaces;
  std::vector<int> by_entry;  // fd, or -1
};

// Whether mounts of the file system of `path` can be idmapped, tried on a copy of its mount that is
// attached nowhere. False too for what is not there: whoever mounts it will say so.
[[nodiscard]] bool can_be_idmapped(const std::string& path);

// For each entry with map_owner: a user namespace in which the source's owner appears as the
// sandbox's user. Error: the source does not exist (named, with its target).
[[nodiscard]] Result<MountIdMaps> make_mount_id_maps(const SandboxPlan& plan);

}  // namespace yett

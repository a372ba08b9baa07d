#include "sandbox/container/container_sources.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include <string>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/container/container_context.hpp"
#include "sandbox/launch/id_maps.hpp"

namespace yett {
namespace {

Result<UniqueFd> copy_of(const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return fail(errno_error("copy", "user namespace"));
  return copy;
}

// The user namespace that the container's process will be in, or one that maps alike.
Result<UniqueFd> own_id_map(const ContainerPlan& plan) {
  for (const JoinedNamespace& joined : plan.joined)
    if (joined.flag == CLONE_NEWUSER) return copy_of(joined.fd);
  return make_mapped_namespace(plan.uid_map, plan.gid_map);
}

// Mounts with the same maps share a namespace.
Result<UniqueFd> id_map_of(const ContainerPlan& plan, const ContainerMount& mount) {
  if (mount.ids == MountIds::as_the_process) return own_id_map(plan);
  for (const ContainerMount& other : plan.mounts)
    if (other.ids == MountIds::mapped && other.id_map.valid() &&
        is_same_map(other.uid_map, mount.uid_map) && is_same_map(other.gid_map, mount.gid_map))
      return copy_of(other.id_map);
  return make_mapped_namespace(mount.uid_map, mount.gid_map);
}

// A volume that is to be shared with the host, as engines ask for it: a root and a mount that are.
bool stays_shared(const ContainerPlan& plan, const ContainerMount& mount) {
  if ((plan.root_propagation & MS_SHARED) == 0) return false;
  for (const unsigned long flags : mount.propagation)
    if ((flags & MS_SHARED) != 0) return true;
  return false;
}

std::unexpected<Error> bind_failure(const ContainerMount& mount, int error) {
  Error failure = errno_error(error, "mount", mount.source + " at " + mount.target);
  if (error == EINVAL && mount.ids != MountIds::as_they_are)
    failure.mend = "its filesystem, or one below it, cannot be idmapped by this kernel";
  return fail(std::move(failure));
}

// SECURITY(container-propagation): a clone made here is of the host's group until it leaves it.
Status open_bind(const ContainerPlan& plan, ContainerMount& mount) {
  const int opened = open_bind_source(mount);
  if (opened == -ENOENT && mount.optional) return {};
  if (opened < 0) return bind_failure(mount, -opened);
  mount.opened.reset(opened);
  if (stays_shared(plan, mount)) return {};
  const int left = sys_mount_propagation(opened, inherited_propagation(plan));
  return left < 0 ? bind_failure(mount, -left) : Status{};
}

Status open_root(ContainerPlan& plan) {
  plan.root_mount.reset(sys_open_tree_clone(AT_FDCWD, ".", Subtree::with_submounts));
  if (plan.root_mount.valid()) return {};
  return fail(errno_error(-plan.root_mount.get(), "open root filesystem", plan.root));
}

}  // namespace

Status open_container_sources(ContainerPlan& plan) {
  const bool other_user = enters_user_namespace(plan);
  if (other_user) YETT_CHECK(open_root(plan));
  for (ContainerMount& mount : plan.mounts) {
    if (mount.ids != MountIds::as_they_are) {
      YETT_TRY(mount.id_map, id_map_of(plan, mount));
    }
    const bool here = other_user || mount.id_map.valid() || stays_shared(plan, mount);
    if (here && mount.kind == ContainerMountKind::bind) YETT_CHECK(open_bind(plan, mount));
  }
  return {};
}

}  // namespace yett

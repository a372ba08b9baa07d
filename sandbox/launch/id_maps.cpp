#include "sandbox/launch/id_maps.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>

#include "ioctl_uapi/child_process.hpp"
#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/mount_api.hpp"

namespace yett {
namespace {

Status write_text(const std::string& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return fail(errno_error("open", path));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", path));
  return {};
}

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  auto operator<=>(const Owner&) const = default;
};

Result<Owner> owner_of(const MountEntry& entry) {
  const std::string& source = entry.kind == MountKind::bind ? entry.source : entry.upper;
  struct stat status{};
  if (::stat(source.c_str(), &status) == 0) return Owner{status.st_uid, status.st_gid};
  Error error = errno_error("stat", source);
  error.kind = ErrorKind::invalid_request;
  error.detail = "wanted at " + entry.target;
  return fail(std::move(error));
}

[[noreturn]] void wait_for_death(int parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(0);
  for (;;) ::pause();
}

[[noreturn]] void join_and_wait(int parent, int user_namespace, int ready) {
  const unsigned char joined = ::setns(user_namespace, CLONE_NEWUSER) == 0 ? 0 : 1;
  if (::write(ready, &joined, 1) != 1 || joined != 0) ::_exit(1);
  wait_for_death(parent);
}

Result<std::vector<IdMapping>> read_map(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(errno_error("open", path));
  std::vector<IdMapping> mappings;
  for (IdMapping mapping; file >> mapping.inside >> mapping.outside >> mapping.count;)
    mappings.push_back(mapping);
  return mappings;
}

}  // namespace

std::string id_map_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const IdMapping& mapping : mappings)
    text += std::to_string(mapping.inside) + " " + std::to_string(mapping.outside) + " " +
            std::to_string(mapping.count) + "\n";
  return text;
}

bool is_same_map(const std::vector<IdMapping>& one, const std::vector<IdMapping>& other) {
  return id_map_text(one) == id_map_text(other);
}

// A user namespace lives as long as somebody holds it open: a child makes it and is ended at once.
Result<UniqueFd> make_mapped_namespace(const std::vector<IdMapping>& uids,
                                       const std::vector<IdMapping>& gids) {
  const int parent = ::getpid();
  YETT_TRY(ForkedChild child, fork_with_namespaces(CLONE_NEWUSER));
  if (child.pid == 0) wait_for_death(parent);
  const ChildProcess reaped(child.pid, std::move(child.pidfd));
  YETT_CHECK(write_id_maps(reaped.pid(), uids, gids));
  const std::string path = "/proc/" + std::to_string(reaped.pid()) + "/ns/user";
  UniqueFd user_namespace(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!user_namespace.valid()) return fail(errno_error("open", path));
  return user_namespace;
}

// The kernel shows a process's maps, not a namespace's: a child goes in and is looked at.
Result<IdMaps> read_id_maps(BorrowedFd user_namespace) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const int parent = ::getpid();
  YETT_TRY(ForkedChild child, fork_with_namespaces(0));
  if (child.pid == 0) join_and_wait(parent, user_namespace.get(), writer.get());
  const ChildProcess reaped(child.pid, std::move(child.pidfd));
  writer.reset();
  unsigned char joined = 1;
  if (::read(reader.get(), &joined, 1) != 1 || joined != 0)
    return fail(host_error("user namespace", "cannot be joined",
                           "it has to be below the runtime's own, and not the same"));
  const std::string process = "/proc/" + std::to_string(reaped.pid());
  IdMaps maps;
  YETT_TRY(maps.uids, read_map(process + "/uid_map"));
  YETT_TRY(maps.gids, read_map(process + "/gid_map"));
  return maps;
}

Status write_id_maps(int pid, const std::vector<IdMapping>& uids,
                     const std::vector<IdMapping>& gids, Setgroups setgroups) {
  const std::string process = "/proc/" + std::to_string(pid);
  YETT_CHECK(write_text(process + "/uid_map", id_map_text(uids)));
  if (setgroups == Setgroups::denied) YETT_CHECK(write_text(process + "/setgroups", "deny"));
  return write_text(process + "/gid_map", id_map_text(gids));
}

bool can_be_idmapped(const std::string& path) {
  const DetachedMount mount(
      UniqueFd(sys_open_tree_clone(AT_FDCWD, path.c_str(), Subtree::only_this_mount)));
  if (!mount.valid()) return false;
  constexpr IdMapping kAny{.inside = 0, .outside = 1, .count = 1};
  const auto any = make_mapped_namespace({kAny}, {kAny});
  return any && sys_mount_idmap(mount.fd().get(), any->get()) == 0;
}

Result<MountIdMaps> make_mount_id_maps(const SandboxPlan& plan) {
  MountIdMaps maps;
  maps.by_entry.assign(plan.mounts.size(), -1);
  std::map<Owner, int> by_owner;
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) {
    if (!plan.mounts[i].map_owner) continue;
    YETT_TRY(const Owner owner, owner_of(plan.mounts[i]));
    auto [known, fresh] = by_owner.try_emplace(owner, -1);
    if (fresh) {
      YETT_TRY(UniqueFd made, make_mapped_namespace({{owner.uid, plan.identity.host_uid, 1}},
                                                    {{owner.gid, plan.identity.host_gid, 1}}));
      known->second = made.get();
      maps.namespaces.push_back(std::move(made));
    }
    maps.by_entry[i] = known->second;
  }
  return maps;
}

}  // namespace yett

// delete and update.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/text.hpp"
#include "ioctl_uapi/clone.hpp"
#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/oci/life/hooks.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"
#include "runsc-like/oci/life/plan_resources.hpp"
#include "runsc-like/oci/life/remains.hpp"
#include "runsc-like/oci/life/systemd_scope.hpp"
#include "sandbox/container/container_cgroup.hpp"
#include "sandbox/guard/cgroup_files.hpp"
#include "sandbox/host/probe_parts.hpp"

namespace yett::oci {
namespace {

Status await_death(BorrowedFd process, const std::string& id) {
  constexpr int kHalfAMinute = 30'000;  // a loaded machine takes long to end eight pid namespaces
  struct pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&ended, 1, kHalfAMinute);
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) return {};
  return fail(Error{.kind = ErrorKind::system,
                    .subject = id,
                    .detail = "its first process has not died in 30 s of SIGKILL"});
}

Status end_process(const ContainerState& state) {
  const auto process = open_container_process(state);
  if (!process) return {};
  static_cast<void>(send_signal(process->borrow(), SIGKILL));
  static_cast<void>(freeze_cgroup(state.cgroups, false));
  return await_death(process->borrow(), state.id);
}

// Hooks that fail are no reason to keep the container: runtime.md.
void run_poststop(const ContainerDirectory& directory, const ContainerState& state) {
  const auto text = directory.read_config();
  if (!text) return;
  const auto config = parse_config(*text, "config.json");
  if (!config) return;
  for (const Hook& hook : config->hooks.poststop)
    static_cast<void>(run_hooks({hook}, "poststop", state_document(state, ContainerStatus::stopped),
                                {.directory = state.bundle}));
}

// Cgroup v1 refuses a limit below what is used; v2 would kill for it.
Status check_memory_before(const Resources& resources, const CgroupFeatures& features,
                           const ContainerState& state) {
  const auto& memory = resources.memory;
  if (!memory || !memory->check_before_update.value_or(false)) return {};
  if (memory->limit.value_or(0) <= 0 || !controller_is_v2(features, "memory")) return {};
  const std::string directory = cgroup_directory_of(features, "memory", state.cgroup_path);
  std::string text = read_cgroup_file(directory, "memory.current");
  while (text.ends_with('\n')) text.pop_back();
  const auto used = parse_decimal(text);
  if (!used || *used <= static_cast<std::uint64_t>(*memory->limit)) return {};
  return fail(request_error("/linux/resources/memory/limit",
                            "is less than the " + text + " bytes in use",
                            "a higher one, or without checkBeforeUpdate"));
}

// Ends what the configuration leads to; the rest is the reader's to know of.
// SECURITY(container-kept-unread): who runs is not forgotten.
Result<std::string> delete_unread(ContainerDirectory& directory, const Error& unreadable) {
  YETT_TRY(const ContainerState state, find_remains(directory, unreadable));
  YETT_CHECK(destroy_container(directory, state));
  const std::string ended = state.cgroups.empty()
                                ? "it had no cgroup any more, so nothing of it ran"
                                : "what ran in its cgroup " + state.cgroup_path + " was killed";
  return state.id + ": its state could not be read (" + unreadable.message() + "): " + ended +
         "; a resctrl group of its own may be left";
}

}  // namespace

Status destroy_container(ContainerDirectory& directory, const ContainerState& state) {
  YETT_CHECK(remove_container_cgroup(state.cgroups, state.cgroup_v2));
  // systemd may miss that the cgroup became empty before it was gone.
  if (!state.systemd_unit.empty()) YETT_CHECK(end_scope(state.systemd_unit));
  for (const std::string& made : state.rdt_made) ::rmdir(made.c_str());
  run_poststop(directory, state);
  return directory.remove();
}

Result<std::string> delete_container(const ContainerStore& store, const std::string& id,
                                     DeleteForce force) {
  auto directory = store.open(id);
  const bool forced = force == DeleteForce::yes;
  if (!directory && directory.error().kind == ErrorKind::target_gone && forced) {
    store.sweep();  // its `create` may have been killed before it had a name
    return std::string();
  }
  if (!directory) return fail(std::move(directory).error());
  if (const Status locked = directory->lock(); !locked) {
    const bool gone = locked.error().kind == ErrorKind::target_gone;
    if (gone && forced) return std::string();
    return fail(locked.error());
  }
  auto state = directory->read_state();
  if (!state && !forced) return fail(std::move(state).error());
  if (!state) return delete_unread(*directory, state.error());
  const ContainerStatus status = find_status(*directory, *state);
  if (status != ContainerStatus::stopped && status != ContainerStatus::creating) {
    if (!forced && status != ContainerStatus::created)
      return fail(request_error(id,
                                "cannot delete container that is not stopped: " +
                                    std::string(container_status_name(status)),
                                "kill it first, or --force"));
    YETT_CHECK(end_process(*state));
  }
  YETT_CHECK(destroy_container(*directory, *state));
  store.sweep();
  return std::string();
}

Status update_container(const ContainerStore& store, const std::string& id,
                        const Resources& resources) {
  YETT_TRY(ContainerDirectory directory, store.open(id));
  YETT_CHECK(directory.lock());
  YETT_TRY(const ContainerState state, directory.read_state());
  if (find_status(directory, state) == ContainerStatus::stopped)
    return fail(request_error(id, "container not running"));
  YETT_CHECK(check_has_cgroup(state));
  const CgroupFeatures features = probe_cgroups();
  YETT_CHECK(check_memory_before(resources, features, state));
  YETT_TRY(const auto settings, plan_resources(resources, features));
  if (!state.systemd_unit.empty())
    YETT_CHECK(set_systemd_properties(state.systemd_unit, systemd_properties(settings)));
  return apply_cgroup_settings(features, state.cgroup_path, settings);
}

}  // namespace yett::oci

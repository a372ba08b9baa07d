// create: everything but the program.
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/time_text.hpp"
#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/oci/life/cgroup_path.hpp"
#include "runsc-like/oci/life/console_socket.hpp"
#include "runsc-like/oci/life/hook_state.hpp"
#include "runsc-like/oci/life/hooks.hpp"
#include "runsc-like/oci/life/intel_rdt.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"
#include "runsc-like/oci/life/plan_container.hpp"
#include "runsc-like/oci/life/plan_devices.hpp"
#include "runsc-like/oci/life/plan_labels.hpp"
#include "runsc-like/oci/life/plan_resources.hpp"
#include "runsc-like/oci/life/systemd_scope.hpp"
#include "runsc-like/oci/life/write_file.hpp"
#include "sandbox/container/container_cgroup.hpp"
#include "sandbox/container/launch_container.hpp"
#include "sandbox/host/probe_parts.hpp"
#include "sandbox/host/user_namespace.hpp"

namespace yett::oci {
namespace {

Result<std::string> absolute_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  if (!real) return fail(errno_error("bundle", path));
  return std::string(real.get());
}

// Later steps stand in another directory.
Result<std::string> from_here(const std::string& path) {
  if (path.empty() || path.starts_with('/')) return path;
  const std::unique_ptr<char, void (*)(void*)> here(::getcwd(nullptr, 0), ::free);
  if (!here) return fail(errno_error("working directory"));
  return std::string(here.get()) + "/" + path;
}

ContainerState first_state(const Config& config, const CreateOptions& options,
                           const std::string& bundle) {
  ContainerState state;
  state.oci_version = config.oci_version;
  state.id = options.id;
  state.bundle = bundle;
  state.created = time_text_now();
  state.owner = ::geteuid() == 0 ? "root" : std::to_string(::geteuid());
  state.annotations = config.annotations;
  if (config.process && !config.process->args.empty()) state.program = config.process->args.front();
  return state;
}

Status check_terminal(const CreateOptions& options, bool terminal) {
  if (options.foreground_terminal) return {};
  if (terminal && options.console_socket.empty())
    return fail(request_error("/process/terminal", "needs --console-socket here"));
  if (!terminal && !options.console_socket.empty())
    return fail(request_error("--console-socket", "process.terminal is not set"));
  return {};
}

// cgroup v2 has no device controller, but programs. Where v1 has one, it is what others look at.
// Root of a user namespace needs neither: nodes that are made in it open nothing, and those of the
// host's that were bound open what they open for the user.
Status set_device_rules(const std::vector<DeviceRule>& asked, const CgroupFeatures& features,
                        const std::string& path, BorrowedFd v2) {
  if (!in_initial_user_namespace()) return {};
  const std::vector<DeviceRule> rules = complete_device_rules(asked);
  if (features.v1_mounts.contains("devices"))
    return apply_cgroup_settings(features, path, device_settings(rules));
  if (v2.valid()) return restrict_devices(v2, device_accesses(rules));
  return fail(host_error("/linux/resources/devices", "this host has no cgroups that hold them",
                         "mount cgroup2, or the device controller of v1"));
}

// SECURITY(container-without-cgroup): then its pid namespace is what ends with it.
Status check_end_without_cgroup(const ContainerPlan& plan) {
  const bool joins = std::ranges::any_of(
      plan.joined, [](const JoinedNamespace& each) { return each.flag == CLONE_NEWPID; });
  if (joins || (plan.new_namespaces & CLONE_NEWPID) != 0) return {};
  return fail(request_error("/linux/namespaces", "has no pid namespace, and no cgroup can be made",
                            "add {\"type\": \"pid\"}, or have a cgroup delegated"));
}

struct MadeCgroup {
  ContainerCgroup cgroup;
  HeldScope scope;  // until the container's process is in it
};

Result<MadeCgroup> make_cgroup(const Config& config, const CgroupFeatures& features,
                               const std::string& path, const std::optional<SystemdScope>& scope) {
  static const Resources kNone;
  const Resources& resources = config.linux_.resources ? *config.linux_.resources : kNone;
  YETT_TRY(const auto settings, plan_resources(resources, features));
  MadeCgroup made;
  if (path.empty() && !settings.empty())
    return fail(host_error(settings.front().file, "this user may make no cgroup to set it in",
                           "have one delegated, or leave the limit out"));
  if (scope) {
    YETT_TRY(made.scope, make_systemd_scope(*scope, systemd_properties(settings)));
    YETT_TRY(made.cgroup, open_container_cgroup(features, path));
  } else if (!path.empty()) {
    YETT_TRY(made.cgroup, make_container_cgroup(features, path));
  }
  YETT_CHECK(apply_cgroup_settings(features, path, settings));
  YETT_CHECK(set_device_rules(resources.devices, features, path, made.cgroup.v2.borrow()));
  return made;
}

// SECURITY(container-cgroup-own): a container that cannot be made takes its cgroup away with all
// that is in it, so nobody else may be in it. A scope is systemd's, which makes none that is there.
Status check_cgroup_is_free(const CgroupFeatures& features, const std::string& path,
                            const std::optional<SystemdScope>& scope) {
  const bool scope_is_there = scope && ::access((features.v2_mount + path).c_str(), F_OK) == 0;
  if (!scope_is_there && !holds_processes(container_cgroup_directories(features, path))) return {};
  return fail(request_error("/linux/cgroupsPath", "the cgroup " + path + " is in use",
                            "name another, or end what is in it"));
}

// Hooks between the mounts and the entering of the root.
Status run_create_hooks(const CreatedContainer& container, const ContainerPlan& plan) {
  const Hooks& hooks = container.config.hooks;
  const std::string state = state_document(container.state, ContainerStatus::creating);
  YETT_CHECK(run_hooks(hooks.prestart, "prestart", state, {}));
  YETT_CHECK(run_hooks(hooks.create_runtime, "createRuntime", state, {}));
  std::uint64_t entered = plan.new_namespaces;
  for (const JoinedNamespace& joined : plan.joined) entered |= joined.flag;
  entered &= ~static_cast<std::uint64_t>(CLONE_NEWPID | CLONE_NEWTIME);
  return run_hooks(hooks.create_container, "createContainer", state,
                   {.process = container.process.pidfd(), .namespaces = entered});
}

Status hand_over_terminal(CreatedContainer& container, const CreateOptions& options,
                          UniqueFd terminal) {
  if (!terminal.valid()) return {};
  if (!options.console_socket.empty())
    return send_console(options.console_socket, terminal.borrow());
  container.terminal = std::move(terminal);
  return {};
}

Status set_oom_score(const ContainerPlan& plan, int pid) {
  if (!plan.process.oom_score_adj) return {};
  return write_text_file("/proc/" + std::to_string(pid) + "/oom_score_adj",
                         *plan.process.oom_score_adj);
}

Status launch(CreatedContainer& container, ContainerPlan& plan, const CreateOptions& options,
              const ContainerCgroup& cgroup) {
  YETT_TRY(const UniqueFd start_socket, container.directory.listen_for_start());
  YETT_TRY(const UniqueFd waiting, container.directory.hold_waiting());
  UniqueFd hook_state;
  if (!plan.start_hooks.empty()) {
    YETT_TRY(hook_state, make_hook_state());
  }
  if (::chdir(plan.root.c_str()) != 0) return fail(errno_error("chdir", plan.root));
  ContainerInputs inputs{.cgroup_v2 = cgroup.v2.borrow(),
                         .cgroup_task_files = {},
                         .start_socket = start_socket.borrow(),
                         .waiting_lock = waiting.borrow(),
                         .hook_state = hook_state.borrow()};
  for (const UniqueFd& file : cgroup.task_files) inputs.cgroup_task_files.push_back(file.get());
  YETT_TRY(StartedContainer started, begin_container(plan, inputs));
  container.state.pid = started.process.pid();
  container.state.pid_start = process_start_time(container.state.pid).value_or(0);
  YETT_CHECK(set_oom_score(plan, container.state.pid));
  YETT_CHECK(join_rdt(container.state.rdt_joined, container.state.pid));
  container.process = std::move(started.process);
  const BorrowedFd socket = started.status_socket.borrow();
  YETT_TRY(ContainerStage stage, await_stage(socket, container.state.pid, plan));
  if (stage.kind == ContainerMessageKind::mounted) {
    YETT_CHECK(run_create_hooks(container, plan));
    YETT_CHECK(let_go_on(socket));
    YETT_TRY(stage, await_stage(socket, container.state.pid, plan));
  }
  container.state.moved_root = stage.moved_root;
  YETT_CHECK(hand_over_terminal(container, options, std::move(stage.terminal)));
  YETT_CHECK(container.directory.write_state(container.state));
  if (hook_state.valid()) YETT_CHECK(fill_hook_state(hook_state.borrow(), container.state));
  if (!options.pid_file.empty()) YETT_CHECK(write_pid_file(options.pid_file, container.state.pid));
  return let_go_on(socket);
}

Status build(CreatedContainer& container, const CreateOptions& options) {
  ContainerState& state = container.state;
  CgroupFeatures features = probe_cgroups();
  const bool root_of_the_host = in_initial_user_namespace();
  std::optional<SystemdScope> scope;
  std::string cgroup_path;
  if (options.systemd_cgroup) {
    YETT_CHECK(check_systemd(features));
    YETT_TRY(scope, parse_systemd_path(container.config.linux_.cgroups_path, options.id));
    cgroup_path = scope->cgroup_path;
  } else {
    YETT_TRY(cgroup_path, choose_cgroup_path(container.config, options.id));
    if (!root_of_the_host) features = writable_hierarchies(std::move(features), cgroup_path);
  }
  if (container_cgroup_directories(features, cgroup_path).empty()) cgroup_path.clear();
  YETT_TRY(ContainerPlan plan,
           plan_container(container.config, {.bundle = state.bundle,
                                             .cgroup_path = cgroup_path,
                                             .cgroups = features,
                                             .root_of_the_host = root_of_the_host}));
  if (cgroup_path.empty()) YETT_CHECK(check_end_without_cgroup(plan));
  if (!enters_user_namespace(plan)) {
    std::string missing = drop_missing(plan.process.capabilities, probe_capabilities());
    if (!missing.empty()) container.config.warnings.push_back(std::move(missing));
  }
  const LabelFeatures labels = probe_labels();
  YETT_CHECK(check_labels(plan.process, labels));
  YETT_CHECK(plan_mount_label(container.config.linux_.mount_label, labels, plan));
  YETT_CHECK(plan_filters(container.config, plan));
  YETT_CHECK(check_terminal(options, plan.process.terminal));
  plan.pivot = options.pivot;
  plan.process.new_keyring = options.new_keyring;
  plan.process.preserved_fds = options.preserved_fds;
  YETT_CHECK(check_cgroup_is_free(features, cgroup_path, scope));
  state.root = plan.root;
  state.cgroup_path = cgroup_path;
  state.cgroups = container_cgroup_directories(features, cgroup_path);
  state.cgroup_v2 = !features.v2_mount.empty();
  RdtPlan rdt;
  if (const auto& asked = container.config.linux_.intel_rdt) {
    YETT_TRY(const std::string resctrl, find_resctrl());
    YETT_TRY(rdt, plan_rdt(*asked, options.id, resctrl));
    state.rdt_made = made_by_rdt(rdt);
    state.rdt_joined = joined_by_rdt(rdt);
  }
  // Before anything is made, so that a `delete` finds what a killed `create` made.
  YETT_CHECK(container.directory.write_state(state));
  YETT_TRY(const MadeCgroup made, make_cgroup(container.config, features, cgroup_path, scope));
  if (scope) state.systemd_unit = scope->unit;  // from here on it is this container's to end
  if (!rdt.group.empty()) YETT_CHECK(make_rdt(rdt));
  return launch(container, plan, options, made.cgroup);
}

}  // namespace

Result<CreatedContainer> create_container(const ContainerStore& store, const CreateOptions& asked) {
  CreateOptions options = asked;
  YETT_CHECK(check_container_id(options.id));
  YETT_TRY(const std::string bundle, absolute_path(options.bundle));
  YETT_TRY(options.pid_file, from_here(options.pid_file));
  YETT_TRY(options.console_socket, from_here(options.console_socket));
  const std::string config_path = bundle + "/config.json";
  YETT_TRY(const std::string text, read_config_text(config_path));
  YETT_TRY(Config config, parse_config(text, "config.json"));
  ContainerState state = first_state(config, options, bundle);
  YETT_TRY(ContainerDirectory directory, store.create(options.id));
  CreatedContainer container{.directory = std::move(directory),
                             .state = std::move(state),
                             .config = std::move(config),
                             .process = ChildProcess(),
                             .terminal = UniqueFd()};
  Status built = container.directory.write_config(text);
  if (built) built = build(container, options);
  if (built) return container;
  container.process.kill_and_reap();
  static_cast<void>(destroy_container(container.directory, container.state));
  return fail(std::move(built).error());
}

}  // namespace yett::oci

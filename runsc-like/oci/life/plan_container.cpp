#include "runsc-like/oci/life/plan_container.hpp"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "ioctl_uapi/own_namespace.hpp"
#include "runsc-like/oci/config/names.hpp"
#include "runsc-like/oci/config/number_list.hpp"
#include "runsc-like/oci/life/plan_mounts.hpp"
#include "sandbox/launch/id_maps.hpp"

namespace yett::oci {
namespace {

using Numbers = std::vector<std::uint64_t>;

unsigned long propagation_flags(const Linux& linux_section) {
  const unsigned long recursive = linux_section.propagation_of_submounts ? MS_REC : 0;
  switch (linux_section.rootfs_propagation) {
    case Propagation::shared:
      return MS_SHARED | recursive;
    case Propagation::slave:
      return MS_SLAVE | recursive;
    case Propagation::private_:
      return MS_PRIVATE | recursive;
    case Propagation::unbindable:
      return MS_UNBINDABLE | recursive;
    case Propagation::unset:
      break;
  }
  return 0;
}

Status check_joined_map(const char* where, const std::vector<IdMapping>& asked,
                        const std::vector<yett::IdMapping>& there) {
  if (asked.empty() || is_same_map(plan_map(asked), there)) return {};
  return fail(request_error(where, "differs from that of the user namespace to join",
                            "leave it out, or write what is mapped there"));
}

// Maps of a namespace that is there cannot be chosen; saying them again is no error.
Status check_joined_maps(const Linux& linux_section, BorrowedFd user_namespace) {
  YETT_TRY(const IdMaps maps, read_id_maps(user_namespace));
  YETT_CHECK(check_joined_map("/linux/uidMappings", linux_section.uid_mappings, maps.uids));
  return check_joined_map("/linux/gidMappings", linux_section.gid_mappings, maps.gids);
}

// SECURITY(container-own-namespace): the runtime's own namespace, by its path, is no namespace of
// the container's: what is set in it would be the host's.
Status check_not_own(const Linux& linux_section, const Namespace& entry, BorrowedFd opened) {
  const bool sets_something = entry.type == NamespaceType::mount ||
                              entry.type == NamespaceType::uts || !linux_section.sysctl.empty();
  struct stat there{};
  if (!sets_something || (::fstat(opened.get(), &there) == 0 &&
                          !is_own_namespace(there, namespace_proc_name(entry.type)).value_or(true)))
    return {};
  return fail(request_error("/linux/namespaces",
                            entry.path + " is the runtime's own " +
                                std::string(namespace_type_name(entry.type)) + " namespace",
                            "leave the entry out, or the path for a new one"));
}

// A path to the caller's own namespace would be joined at no cost and no gain; a new one is what
// was asked for only where no path is given.
Status plan_namespaces(const Linux& linux_section, ContainerPlan& plan) {
  for (const Namespace& entry : linux_section.namespaces) {
    const std::uint64_t flag = namespace_clone_flag(entry.type);
    if (entry.path.empty()) {
      plan.new_namespaces |= flag;
      continue;
    }
    UniqueFd opened(::open(entry.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened.valid()) return fail(errno_error("open namespace", entry.path));
    YETT_CHECK(check_not_own(linux_section, entry, opened.borrow()));
    if (entry.type == NamespaceType::user)
      YETT_CHECK(check_joined_maps(linux_section, opened.borrow()));
    plan.joined.push_back({flag, std::move(opened)});
  }
  if (linux_section.find_namespace(NamespaceType::mount) == nullptr)
    return fail(request_error("/linux/namespaces", "has no mount namespace",
                              "a container's root needs one: add {\"type\": \"mount\"}"));
  return {};
}

void plan_sysctls(const Linux& linux_section, ContainerPlan& plan) {
  for (const auto& [name, value] : linux_section.sysctl) {
    std::string path = name;
    if (path.find('/') == std::string::npos) std::ranges::replace(path, '.', '/');
    plan.sysctls.emplace_back("/proc/sys/" + path, value);
  }
}

void plan_time(const Linux& linux_section, ContainerPlan& plan) {
  for (const auto& [clock, offset] : linux_section.time_offsets)
    plan.time_offsets.emplace_back(
        clock, std::to_string(offset.secs) + " " + std::to_string(offset.nanosecs));
}

std::string_view rlimit_name(int resource) {
  for (const Named& each : rlimit_names())
    if (each.value == static_cast<std::uint64_t>(resource)) return each.name;
  return "rlimit";
}

ContainerHook plan_hook(const Hook& hook) {
  return {.path = hook.path,
          .argv = hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args,
          .environment = hook.env,
          .timeout = hook.timeout};
}

}  // namespace

Result<std::string> find_root(const Config& config, const std::string& bundle) {
  const std::string path =
      config.root.path.starts_with('/') ? config.root.path : bundle + "/" + config.root.path;
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  if (!real) return fail(errno_error("root filesystem", path));
  struct stat status{};
  if (::stat(real.get(), &status) != 0 || !S_ISDIR(status.st_mode))
    return fail(errno_error(ENOTDIR, "root filesystem", path));
  return std::string(real.get());
}

Result<ContainerProcess> plan_process(const Process& process) {
  ContainerProcess planned;
  planned.argv = process.args;
  planned.environment = process.env;
  planned.working_directory = process.cwd;
  planned.terminal = process.terminal;
  if (process.console_size) {
    planned.rows = static_cast<std::uint16_t>(process.console_size->height);
    planned.columns = static_cast<std::uint16_t>(process.console_size->width);
  }
  planned.uid = process.user.uid;
  planned.gid = process.user.gid;
  planned.groups = process.user.additional_gids;
  planned.umask = process.user.umask;
  if (const auto& sets = process.capabilities)
    planned.capabilities = {sets->bounding, sets->effective, sets->inheritable, sets->permitted,
                            sets->ambient};
  for (const Rlimit& limit : process.rlimits)
    planned.rlimits.push_back(
        {limit.resource, rlimit_name(limit.resource), limit.soft, limit.hard});
  planned.no_new_privileges = process.no_new_privileges;
  if (process.oom_score_adj) planned.oom_score_adj = std::to_string(*process.oom_score_adj);
  if (const auto& asked = process.scheduler)
    planned.scheduler = {
        asked->policy,  asked->flags,    asked->nice,  static_cast<std::uint32_t>(asked->priority),
        asked->runtime, asked->deadline, asked->period};
  if (const auto& asked = process.io_priority)
    planned.io_priority = static_cast<int>(asked->io_class << 13 | asked->priority);
  planned.apparmor_profile = process.apparmor_profile;
  planned.selinux_label = process.selinux_label;
  return planned;
}

void plan_character(const Linux& linux_section, ContainerPlan& plan) {
  plan.personality = linux_section.personality;
  if (const auto& policy = linux_section.memory_policy)
    plan.memory_policy = {static_cast<int>(policy->mode | policy->flags),
                          parse_number_list(policy->nodes).value_or(Numbers{})};
}

void plan_affinity(const Process& process, ContainerProcess& planned) {
  const auto& asked = process.exec_cpu_affinity;
  if (!asked) return;
  planned.initial_cpus = parse_number_list(asked->initial).value_or(Numbers{});
  planned.cpus = parse_number_list(asked->final).value_or(Numbers{});
  // All, of which the container's cpuset leaves its own.
  constexpr std::size_t kEveryCpu = 8192 / 64;
  if (planned.cpus.empty() && !planned.initial_cpus.empty())
    planned.cpus.assign(kEveryCpu, ~std::uint64_t{0});
}

Result<ContainerPlan> plan_container(const Config& config, const PlanInputs& inputs) {
  ContainerPlan plan;
  if (!config.process || config.process->args.empty())
    return fail(request_error("/process/args", "is missing", "name the program to run"));
  YETT_TRY(plan.process, plan_process(*config.process));
  YETT_TRY(plan.root, find_root(config, inputs.bundle));
  plan.read_only_root = config.root.readonly;
  const Linux& linux_section = config.linux_;
  YETT_CHECK(plan_namespaces(linux_section, plan));
  plan.root_propagation = propagation_flags(linux_section);
  plan.uid_map = plan_map(linux_section.uid_mappings);
  plan.gid_map = plan_map(linux_section.gid_mappings);
  plan.hostname = config.hostname;
  plan.domainname = config.domainname;
  plan_sysctls(linux_section, plan);
  for (const auto& [name, device] : linux_section.net_devices)
    plan.net_devices.push_back({name, device.name});
  plan_time(linux_section, plan);
  YETT_CHECK(plan_mounts(config, inputs, plan));
  plan_devices(config, inputs, plan);
  plan.masked_paths = linux_section.masked_paths;
  plan.read_only_paths = linux_section.readonly_paths;
  plan_character(linux_section, plan);
  const Hooks& hooks = config.hooks;
  plan.runtime_hooks =
      !hooks.prestart.empty() || !hooks.create_runtime.empty() || !hooks.create_container.empty();
  for (const Hook& hook : hooks.start_container) plan.start_hooks.push_back(plan_hook(hook));
  return plan;
}

}  // namespace yett::oci

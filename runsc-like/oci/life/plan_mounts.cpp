#include "runsc-like/oci/life/plan_mounts.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <set>

#include "ioctl_uapi/mount_api.hpp"
#include "runsc-like/oci/config/mount_options.hpp"

namespace yett::oci {

std::vector<yett::IdMapping> plan_map(const std::vector<IdMapping>& mappings) {
  std::vector<yett::IdMapping> map;
  map.reserve(mappings.size());
  for (const IdMapping& mapping : mappings)
    map.push_back({mapping.container_id, mapping.host_id, mapping.size});
  return map;
}

namespace {

std::string absolute(const std::string& path, const std::string& base) {
  return path.starts_with('/') ? path : base + "/" + path;
}

ContainerMount take_options(const MountOptions& options) {
  ContainerMount mount;
  mount.set = options.attributes.set;
  mount.clear = options.attributes.clear;
  mount.recursive_set = options.recursive_attributes.set;
  mount.recursive_clear = options.recursive_attributes.clear;
  mount.recursive = options.recursive;
  mount.propagation.assign(options.propagation.begin(), options.propagation.end());
  for (const std::string& option : options.filesystem) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos)
      mount.options.emplace_back(option, "");
    else
      mount.options.emplace_back(option.substr(0, equals), option.substr(equals + 1));
  }
  return mount;
}

ContainerMountKind kind_of(const MountOptions& options) {
  if (options.remount) return ContainerMountKind::remount;
  return options.bind ? ContainerMountKind::bind : ContainerMountKind::filesystem;
}

// Maps of the mount's own go before those of the container, which "idmap" alone means.
void plan_ids(const Mount& mount, const MountOptions& options, ContainerMount& planned) {
  planned.ids_of_submounts = options.idmap == IdMap::with_submounts;
  planned.uid_map = plan_map(mount.uid_mappings);
  planned.gid_map = plan_map(mount.gid_mappings);
  if (!planned.uid_map.empty())
    planned.ids = MountIds::mapped;
  else if (options.idmap != IdMap::none)
    planned.ids = MountIds::as_the_process;
}

ContainerMount plan_mount(const Mount& mount, const MountOptions& options,
                          const std::string& bundle) {
  ContainerMount planned = take_options(options);
  planned.kind = kind_of(options);
  planned.target = absolute(mount.destination, "");
  planned.filesystem = mount.type;
  planned.source = mount.source;
  if (options.bind) {
    planned.source = absolute(mount.source, bundle);
    planned.options.clear();  // of a filesystem that exists already
    plan_ids(mount, options, planned);
  }
  return planned;
}

// ---- "cgroup": what is there to see depends on the host's layout ------------------------------

ContainerMount cgroup_filesystem(const ContainerMount& model, const std::string& type,
                                 const std::string& target) {
  ContainerMount mount;
  mount.filesystem = type;
  mount.source = "cgroup";
  mount.target = target;
  mount.set = model.set;
  mount.clear = model.clear;
  return mount;
}

// Without a cgroup namespace: the container's own directory, bound.
ContainerMount cgroup_bind(const ContainerMount& model, const std::string& source,
                           const std::string& target) {
  ContainerMount mount = cgroup_filesystem(model, "", target);
  mount.kind = ContainerMountKind::bind;
  mount.source = source;
  return mount;
}

struct V1Hierarchy {
  std::string mount;
  std::vector<std::string> controllers;
};

std::vector<V1Hierarchy> v1_hierarchies(const CgroupFeatures& features) {
  std::vector<V1Hierarchy> hierarchies;
  for (const auto& [controller, mount] : features.v1_mounts) {
    auto found = std::ranges::find(hierarchies, mount, &V1Hierarchy::mount);
    if (found == hierarchies.end()) found = hierarchies.insert(found, {mount, {}});
    found->controllers.push_back(controller);
  }
  return hierarchies;
}

void add_v1_tree(const ContainerMount& model, const PlanInputs& inputs, bool own_namespace,
                 ContainerPlan& plan) {
  ContainerMount top = cgroup_filesystem(model, "tmpfs", model.target);
  top.set &= ~mount_flags::kReadOnly;  // until the hierarchies have their directories
  top.options.emplace_back("mode", "755");
  plan.mounts.push_back(std::move(top));
  for (const V1Hierarchy& hierarchy : v1_hierarchies(inputs.cgroups)) {
    const std::string name = hierarchy.mount.substr(hierarchy.mount.rfind('/') + 1);
    const std::string target = model.target + "/" + name;
    if (!own_namespace) {
      plan.mounts.push_back(cgroup_bind(model, hierarchy.mount + inputs.cgroup_path, target));
      continue;
    }
    ContainerMount mount = cgroup_filesystem(model, "cgroup", target);
    for (const std::string& controller : hierarchy.controllers)
      mount.options.emplace_back(controller, "");
    plan.mounts.push_back(std::move(mount));
  }
  if ((model.set & mount_flags::kReadOnly) == 0) return;
  ContainerMount seal = cgroup_filesystem(model, "", model.target);
  seal.kind = ContainerMountKind::remount;
  plan.mounts.push_back(std::move(seal));
}

// Of a container that has no cgroup of its own: nothing to see.
ContainerMount no_cgroup(const ContainerMount& model) {
  ContainerMount mount = cgroup_filesystem(model, "tmpfs", model.target);
  mount.options.emplace_back("mode", "755");
  return mount;
}

void add_cgroup(const ContainerMount& model, const PlanInputs& inputs, ContainerPlan& plan) {
  const bool own_namespace = (plan.new_namespaces & CLONE_NEWCGROUP) != 0;
  if (inputs.cgroup_path.empty()) return plan.mounts.push_back(no_cgroup(model));
  if (!inputs.cgroups.v1_mounts.empty()) return add_v1_tree(model, inputs, own_namespace, plan);
  if (own_namespace)
    plan.mounts.push_back(cgroup_filesystem(model, "cgroup2", model.target));
  else
    plan.mounts.push_back(
        cgroup_bind(model, inputs.cgroups.v2_mount + inputs.cgroup_path, model.target));
}

// ---- devices ----------------------------------------------------------------------------------

constexpr std::array<std::pair<const char*, unsigned>, 6> kDefaultDevices{{{"/dev/null", 3},
                                                                           {"/dev/zero", 5},
                                                                           {"/dev/full", 7},
                                                                           {"/dev/random", 8},
                                                                           {"/dev/urandom", 9},
                                                                           {"/dev/tty", 0}}};

ContainerDevice default_device(const char* path, unsigned minor_number) {
  const bool is_tty = minor_number == 0;
  return {
      .path = path, .mode = S_IFCHR | 0666, .device = ::makedev(is_tty ? 5U : 1U, minor_number)};
}

std::uint32_t node_type(char type) {
  return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

ContainerDevice plan_device(const Device& device) {
  return {.path = device.path,
          .mode = node_type(device.type) | device.file_mode.value_or(0666),
          .device = device.type == 'p' ? 0
                                       : ::makedev(static_cast<unsigned>(device.major),
                                                   static_cast<unsigned>(device.minor)),
          .uid = device.uid.value_or(0),
          .gid = device.gid.value_or(0)};
}

// Root of a user namespace may make no nodes: the host's own, bound.
ContainerMount bind_of_device(const ContainerDevice& device) {
  ContainerMount mount;
  mount.kind = ContainerMountKind::bind;
  mount.source = device.path;
  mount.target = device.path;
  return mount;
}

// A /dev that comes from outside is complete as it is.
bool dev_comes_from_outside(const ContainerPlan& plan) {
  return std::ranges::any_of(plan.mounts, [](const ContainerMount& mount) {
    return mount.kind == ContainerMountKind::bind &&
           (mount.target == "/dev" || mount.target == "/dev/");
  });
}

}  // namespace

Status plan_mounts(const Config& config, const PlanInputs& inputs, ContainerPlan& plan) {
  for (const Mount& mount : config.mounts) {
    const MountOptions options = parse_mount_options(mount.options);
    ContainerMount planned = plan_mount(mount, options, inputs.bundle);
    planned.copy_up =
        options.copy_up && planned.kind == ContainerMountKind::filesystem && mount.type == "tmpfs";
    if (mount.type == "cgroup" && planned.kind == ContainerMountKind::filesystem)
      add_cgroup(planned, inputs, plan);
    else
      plan.mounts.push_back(std::move(planned));
  }
  return {};
}

void plan_devices(const Config& config, const PlanInputs& inputs, ContainerPlan& plan) {
  if (dev_comes_from_outside(plan)) return;
  std::vector<ContainerDevice> devices;
  std::set<std::string> asked;
  for (const Device& device : config.linux_.devices) {
    devices.push_back(plan_device(device));
    asked.insert(device.path);
  }
  for (const auto& [path, minor_number] : kDefaultDevices)
    if (!asked.contains(path)) devices.push_back(default_device(path, minor_number));
  if (enters_user_namespace(plan) || !inputs.root_of_the_host)
    for (const ContainerDevice& device : devices) plan.mounts.push_back(bind_of_device(device));
  else
    plan.devices = std::move(devices);
  plan.links = {{"/dev/fd", "/proc/self/fd"},
                {"/dev/stdin", "/proc/self/fd/0"},
                {"/dev/stdout", "/proc/self/fd/1"},
                {"/dev/stderr", "/proc/self/fd/2"},
                {"/dev/ptmx", "pts/ptmx"}};
}

}  // namespace yett::oci

// Where each rule went, in words: the rows of `yett policy plan` beside the system calls'.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "sandbox/plan/plan_steps.hpp"

namespace yett {
namespace {

using Rows = std::vector<PlacedRule>;

constexpr const char* kNothingElse = "there is nothing else to open";
constexpr const char* kKernelCopy = "runs on the kernel's copy of the address";

void add(Rows& rows, std::string rule, Plane plane, std::string_view because, std::string_view cost,
         const SourceLocation& source = {}) {
  rows.push_back({.rule = std::move(rule),
                  .plane = plane,
                  .race_free_because = std::string(because),
                  .cost = std::string(cost),
                  .source = source});
}

void add_paths(Rows& rows, std::string_view key, const std::vector<PathRule>& rules,
               std::string_view because) {
  for (const PathRule& rule : rules)
    add(rows, fmt::format("files.{} {}", key, rule.path), Plane::mount_tree, because, "0",
        rule.source);
}

void place_files(Rows& rows, const PlanInputs& inputs, const SandboxPlan& plan) {
  const FilePolicy& files = inputs.policy.files;
  add_paths(rows, "read", files.read, kNothingElse);
  add_paths(rows, "write", files.write, kNothingElse);
  add_paths(rows, "exec", files.exec, "all other mounts are noexec");
  if (!files.exec.empty())
    add(rows, "files.exec: programs among the libraries", Plane::landlock,
        "decided on the kernel's object at exec", "~10 ns per path level of an exec",
        files.exec[0].source);
  add_paths(rows, "deny", files.deny, "masked: what lay there has no name inside");
  if (plan.filter.no_set_ids)
    add(rows, "files.set_ids = false", Plane::filter,
        "the mode is a register; openat2, whose mode is not, is refused",
        "~20 ns per open, creat, chmod, mknod", {inputs.policy.name, 0, 0});
  for (const TmpfsRule& rule : files.tmpfs)
    add(rows, fmt::format("files.tmpfs {} {}", rule.path, format_size(rule.size_bytes)),
        Plane::mount_tree, kNothingElse, "0", rule.source);
  add(rows, "files: all else of the host", Plane::mount_tree, kNothingElse, "0",
      {inputs.policy.name, 0, 0});
}

void place_exec(Rows& rows, const PlanInputs& inputs, const SandboxPlan& plan) {
  const ExecPolicy& exec = inputs.policy.exec;
  const SourceLocation& source = exec.written_files_source;
  if (!exec.written_files) {
    const bool writable_root = plan.mounts.front().kind == MountKind::root_image &&
                               plan.mounts.front().writable == Writable::yes;
    add(rows, "exec.written_files = false", writable_root ? Plane::bpf_lsm : Plane::mount_tree,
        writable_root ? "decided on the inode at exec and mmap"
                      : "each mount is noexec or read-only",
        "0", source);
  }
  if (exec.memfd || inputs.policy.unrestricted) return;
  const bool held_by_kernel = std::ranges::any_of(
      plan.namespaces.sysctls,
      [](const SysctlEntry& entry) { return entry.path == "/proc/sys/vm/memfd_noexec"; });
  if (held_by_kernel)
    add(rows, "exec.memfd = false", Plane::namespaces,
        "vm.memfd_noexec of its pid namespace; MFD_EXEC is a register", "0", source);
  else
    add(rows, "exec.memfd = false", plan.lsm.labelled ? Plane::bpf_lsm : Plane::filter,
        plan.lsm.labelled ? "decided on the inode at exec" : "no memfd at all", "0", source);
}

Plane network_plane(const SandboxPlan& plan) {
  if (plan.cgroup_bpf.attached) return Plane::cgroup_bpf;
  return plan.lsm.labelled ? Plane::bpf_lsm : Plane::landlock;
}

void place_endpoints(Rows& rows, std::string_view key, const std::vector<EndpointRule>& rules,
                     const SandboxPlan& plan) {
  for (const EndpointRule& rule : rules) {
    const std::string name = fmt::format("network.{} {}", key, rule.text);
    const bool is_name = std::ranges::find(plan.broker.names, rule.text, &EndpointRule::text) !=
                         plan.broker.names.end();
    if (rule.scheme == EndpointScheme::unix_path)
      add(rows, name, Plane::mount_tree, "a socket is reached through its file", "0", rule.source);
    else if (is_name)
      add(rows, name, network_plane(plan),
          "holds the addresses that the supervisor's name server gave out, while they are fresh",
          "~10 ns per connect, a look-up first", rule.source);
    else
      add(rows, name, network_plane(plan), kKernelCopy, "~10 ns per connect", rule.source);
    rows.back().swappable =
        rows.back().plane == Plane::cgroup_bpf || rows.back().plane == Plane::bpf_lsm;
  }
}

void place_lent_sockets(Rows& rows, const SandboxPlan& plan, const SourceLocation& source) {
  add(rows, "network: its sockets", Plane::supervisor,
      "made outside from registers, in the sandbox's cgroup", "~10 us per socket or listen",
      source);
  add(rows, "network: all other endpoints", network_plane(plan), kKernelCopy, "~10 ns per connect",
      source);
}

void place_network(Rows& rows, const PlanInputs& inputs, const SandboxPlan& plan) {
  const NetworkPolicy& network = inputs.policy.network;
  const SourceLocation source{inputs.policy.name, 0, 0};
  place_endpoints(rows, "connect", network.connect, plan);
  place_endpoints(rows, "listen", network.listen, plan);
  if (plan.broker.sockets) place_lent_sockets(rows, plan, source);
  if (plan.broker.listens)
    add(rows, "network: listening elsewhere", Plane::supervisor,
        "asked about the very socket that then listens", "~10 us per listen", source);
  if (plan.namespaces.network == NetworkNamespace::fresh)
    add(rows, "network.mode = none", Plane::namespaces, "its network holds a loopback and no more",
        "0", source);
  else if (!inputs.policy.unrestricted)
    add(rows, "network: all other endpoints", network_plane(plan), kKernelCopy,
        "~10 ns per connect", source);
  if (plan.landlock.scoped != 0)
    add(rows, "abstract sockets and signals toward others", Plane::landlock,
        "decided on the peer's domain", "~10 ns per connect or kill", source);
}

struct LimitRow {
  const char* key;
  bool set;
  Plane plane;
  const char* because;
};

void place_limits(Rows& rows, const PlanInputs& inputs, const SandboxPlan& plan) {
  const LimitPolicy& limits = inputs.policy.limits;
  constexpr const char* kCounted = "counted by the kernel where it is used";
  constexpr const char* kMetered =
      "looked at before it can grow by a tenth; beyond it all is killed";
  const LimitRow all[] = {
      {"memory", limits.memory_bytes.has_value(),
       plan.meter.memory_bytes ? Plane::supervisor : Plane::cgroup,
       plan.meter.memory_bytes ? kMetered : kCounted},
      {"swap", plan.cgroup.swap_bytes.has_value(), Plane::cgroup, kCounted},
      {"cpu", limits.cpus.has_value(), plan.meter.cpus ? Plane::supervisor : Plane::cgroup,
       plan.meter.cpus ? "looked at a hundred times a second; beyond its share all stands still"
                       : kCounted},
      {"pids", limits.pids.has_value(), plan.cgroup.pids ? Plane::cgroup : Plane::rlimit,
       plan.cgroup.pids ? kCounted
                        : "counted per uid and user namespace: one of them is the sandbox's alone"},
      {"open_files", limits.open_files.has_value(), Plane::rlimit, kCounted},
      {"file_size", limits.file_size_bytes.has_value(), Plane::rlimit, kCounted},
      {"disk", limits.disk_bytes.has_value(), Plane::mount_tree, "sizes of its tmpfs mounts"},
      {"wall", limits.wall.has_value(), Plane::supervisor, "a timer outside"},
  };
  for (const LimitRow& row : all) {
    if (!row.set) continue;
    const auto source = limits.sources.find(row.key);
    add(rows, fmt::format("limits.{}", row.key), row.plane, row.because, "0",
        source == limits.sources.end() ? SourceLocation{} : source->second);
  }
}

// The default costs nothing and is not told.
void place_loss(Rows& rows, const PlanInputs& inputs) {
  const SupervisorLoss loss = inputs.policy.supervisor_loss;
  if (loss == SupervisorLoss::kill) return;
  add(rows,
      loss == SupervisorLoss::adopt ? "on.supervisor_loss = adopt" : "on.supervisor_loss = freeze",
      Plane::supervisor, "a call is in the successor's journal by being received", "0",
      {inputs.policy.name, 0, 0});
}

}  // namespace

std::vector<PlacedRule> place_rules(const PlanInputs& inputs, const SandboxPlan& plan) {
  Rows rows;
  place_files(rows, inputs, plan);
  place_exec(rows, inputs, plan);
  place_network(rows, inputs, plan);
  place_limits(rows, inputs, plan);
  place_loss(rows, inputs);
  add(rows, "privileges", Plane::capabilities,
      plan.identity.capabilities == 0
          ? "all five sets are empty, no_new_privs, one id is mapped"
          : "over its own ids alone (chown, setuid, kill and their like), no_new_privs",
      "0", {inputs.policy.name, 0, 0});
  return rows;
}

}  // namespace yett

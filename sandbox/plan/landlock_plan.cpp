// Landlock: scopes wherever the kernel has them; file rights for what the mount tree cannot say.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sandbox/plan/landlock_rights.hpp"
#include "sandbox/plan/plan_steps.hpp"

namespace yett {
namespace {

using landlock_rights::kExecute;
using landlock_rights::kReading;
using landlock_rights::rights_of;

// LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and _SIGNAL, from ABI 6 on.
constexpr std::uint64_t kScopes = 0x3;
constexpr int kScopesAbi = 6;

// Where the C library's loaders live: the kernel executes them for every dynamic program.
constexpr std::array kLoaders{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux.so.2",
                              "/lib/ld-musl-x86_64.so.1"};

void allow(std::string path, std::uint64_t access, LandlockPlan& landlock) {
  landlock.paths.push_back({std::move(path), access & landlock.handled_fs});
}

// SECURITY(exec-list): programs among the libraries, which the mounts must leave executable.
void add_exec_rules(const Policy& policy, LandlockPlan& landlock) {
  for (const PathRule& rule : policy.files.exec) allow(rule.path, kExecute, landlock);
  for (const char* loader : kLoaders) allow(loader, kExecute, landlock);
}

// A second layer behind the mounts: reading everywhere, writing where a mount is writable.
void add_stacked_rules(const SandboxPlan& plan, LandlockPlan& landlock) {
  allow("/", kReading | (landlock.handled_fs & kExecute), landlock);
  const std::uint64_t all = rights_of(landlock.abi) & ~kExecute;
  for (const MountEntry& entry : plan.mounts) {
    const bool place = entry.kind == MountKind::bind || entry.kind == MountKind::tmpfs ||
                       entry.kind == MountKind::overlay || entry.kind == MountKind::devpts;
    if (place && entry.writable == Writable::yes) allow(entry.target, all, landlock);
    if (entry.kind == MountKind::directory && entry.owned_by_user)
      allow(entry.target, all, landlock);
  }
}

// SECURITY(mounts-and-landlock): a bind is made by the supervisor, outside the sandbox's Landlock
// domain, and rules on files hold by walking upwards through mounts: what is bound below a place
// with more rights would have them.
Status check_mount_emulation(const SandboxPlan& plan) {
  if (plan.landlock.handled_fs == 0) return {};
  const auto mount = std::ranges::find(plan.filter.rules, "mount", &SyscallRule::name);
  if (mount == plan.filter.rules.end() || mount->action != SyscallAction::notify) return {};
  return fail(request_error(mount->source.text() + ": syscalls.emulate mount",
                            "files.exec and hardening = \"stacked\" do not hold where the program "
                            "can bind files to other places",
                            "leave out the one or the other"));
}

}  // namespace

Status plan_landlock(const PlanInputs& inputs, SandboxPlan& plan) {
  const Policy& policy = inputs.policy;
  LandlockPlan& landlock = plan.landlock;
  landlock.abi = inputs.features.landlock_abi;
  const bool lists_exec = !policy.files.exec.empty();
  const bool stacked = policy.hardening == Hardening::stacked;
  if (landlock.abi == 0 && lists_exec)
    return fail(host_error(policy.files.exec[0].source.text() + ": files.exec",
                           "programs among the libraries need Landlock to be refused",
                           "enable Landlock in the kernel, or leave the list out"));
  if (landlock.abi == 0 && stacked && !inputs.features.bpf_lsm.usable)
    return fail(host_error(policy.name + ": hardening = \"stacked\"",
                           "this kernel has neither Landlock nor BPF LSM for a second layer",
                           "write \"normal\""));
  if (policy.unrestricted || landlock.abi == 0) return {};
  if (landlock.abi >= kScopesAbi) landlock.scoped = kScopes;
  if (stacked)
    landlock.handled_fs = rights_of(landlock.abi) & (lists_exec ? UINT64_MAX : ~kExecute);
  else if (lists_exec)
    landlock.handled_fs = kExecute;
  if (stacked) add_stacked_rules(plan, landlock);
  // "/" must not grant what the list is there to withhold.
  if (lists_exec && stacked) landlock.paths.front().access &= ~kExecute;
  if (lists_exec) add_exec_rules(policy, landlock);
  YETT_CHECK(check_mount_emulation(plan));
  landlock.applied = landlock.scoped != 0 || landlock.handled_fs != 0;
  return {};
}

void plan_lsm(const PlanInputs& inputs, SandboxPlan& plan) {
  const Policy& policy = inputs.policy;
  plan.lsm.labelled = inputs.features.bpf_lsm.usable && !policy.unrestricted;
  plan.lsm.deny_exec_of_written = !policy.exec.written_files;
  plan.lsm.deny_memfd_exec = !policy.exec.memfd;
  plan.lsm.deny_set_ids = plan.filter.no_set_ids;
  // Not policy.files.exec: that plane would refuse the libraries' mappings too, which the mounts
  // and Landlock together tell apart.
}

}  // namespace yett

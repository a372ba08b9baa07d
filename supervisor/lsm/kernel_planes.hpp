// The BPF planes: LSM programs (loaded once per host, pinned, shared by all sandboxes) and cgroup
// programs (attached per sandbox). The only user of libbpf.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {

// One sandbox's entries in the kernel planes. Destroying it removes its policy entry and its cgroup
// programs; tasks still labelled with a removed entry are denied.
class KernelPlanes {
 public:
  // Loads and pins the LSM programs under /sys/fs/bpf/yett when they are not there yet
  // (plan.lsm.labelled; mounts bpffs where nobody has), sees a canary refused, and attaches cgroup
  // programs to `cgroup` (plan.cgroup_bpf.attached; a cgroup v2 directory's fd; 5 to 10 ms, for
  // they are loaded for this sandbox alone). Neither goes away with this process: LSM programs are
  // pinned, cgroup programs live as long as the cgroup.
  [[nodiscard]] static Result<KernelPlanes> make(const SandboxPlan& plan, BorrowedFd cgroup);
  KernelPlanes();
  KernelPlanes(KernelPlanes&&) noexcept;
  KernelPlanes& operator=(KernelPlanes&&) noexcept;
  ~KernelPlanes();

  // Labels the waiting child, from outside, before its first forbidden act. Its mounts must be
  // complete, and its user namespace made: a labelled task may make neither.
  // `root` is the sandbox's root directory as the child sees it (/proc/PID/root, O_PATH).
  [[nodiscard]] Status label(BorrowedFd init_pidfd, BorrowedFd root);

  // Lasts as long as that process, not as long as the calling one. After label().
  [[nodiscard]] Status belong_to(BorrowedFd process);

  // Gives one more waiting process the same label: its rules are what they were at the launch,
  // whatever stands at their paths by now.
  [[nodiscard]] Status label_more(BorrowedFd pidfd);

  // What may be connected to beside the plan's own rules, from now on, on every plane that holds
  // them: in place of what was given before. Errors: some of them may then hold on one plane only.
  [[nodiscard]] Status set_more_connect(const std::vector<EndpointRule>& more);

  // The endpoint rules of a plan, and what may be connected to beside them.
  struct Rules {
    const SandboxPlan* plan;
    std::vector<EndpointRule> more;
  };
  // `wanted` in place of `running`, on every plane that holds them: each by one store. Errors:
  // nothing has changed; or, where the error says so, what both allow holds.
  [[nodiscard]] Status replace_rules(const Rules& running, const Rules& wanted);

  // fd to poll for kernel events (invalid: none), and the drain that hands them over as records.
  [[nodiscard]] BorrowedFd events() const;
  void drain(const std::function<void(const AuditRecord&)>& take);
  [[nodiscard]] std::uint64_t lost_events() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Probes for sandbox/host and doctor. The first loads a small LSM program that refuses one call to
// this process alone, and sees it refused; the second attaches to `cgroup` and detaches.
[[nodiscard]] Status probe_bpf_lsm();
[[nodiscard]] Status probe_cgroup_bpf(BorrowedFd cgroup);

// Removes every pin of ours. Preconditions: no sandbox lives under BPF LSM.
[[nodiscard]] Status unload_kernel_planes();

}  // namespace yett

// The parts that one sandbox's supervisor owns, and how they are made before the launch.
// run_session (foreground.hpp) puts them in order.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "sandbox/guard/cgroup.hpp"
#include "sandbox/launch/join.hpp"
#include "sandbox/launch/launcher.hpp"
#include "sandbox/package/package.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/broker/name_service.hpp"
#include "supervisor/loop/supervise.hpp"
#include "supervisor/lsm/kernel_planes.hpp"
#include "supervisor/notify/call_journal.hpp"
#include "supervisor/session/fallback_session.hpp"
#include "supervisor/session/foreground.hpp"
#include "supervisor/session/metering.hpp"
#include "supervisor/session/plan_on_host.hpp"
#include "supervisor/session/swap_desk.hpp"
#include "supervisor/trace/tracer.hpp"
#include "supervisor/truth/truth_files.hpp"
#include "supervisor/warm/warm_fork.hpp"

namespace yett {

// Everything that lives as long as the sandbox, in the order in which it must go: first made, last
// destroyed.
struct Parts {
  FallbackSession fallback;  // the last to go: its directory is the sandbox's
  DetachedMount image;
  std::optional<CgroupDir> cgroup;
  std::optional<KernelPlanes> planes;
  std::optional<TruthFiles> truth;
  Metering metering;
  bool is_attended = false;  // more programs are taken in
  AuditSink audit;
  std::shared_ptr<SocketLender> lender;
  std::optional<NameService> names;
  std::optional<SandboxPlan> started;  // of what can be swapped
  std::shared_ptr<PlanSlot> plans;
  std::unique_ptr<SwapDesk> swaps;
  std::optional<SandboxDoors> doors;     // where only who waits can be entered
  std::shared_ptr<CallJournal> journal;  // of a plan with a successor
  ChildProcess successor;
  int lost_supervisor = 0;                      // whom this process has taken over from; 0: nobody
  std::chrono::steady_clock::time_point began;  // when the program did
  ChildProcess attendant;
  WarmFork warm_fork;
  Tracer tracer;
};

// All that is there before the child is.
[[nodiscard]] Status prepare_parts(const SandboxPlan& plan, const Host& host,
                                   const SessionOptions& options, Parts& parts);

// Another policy is planned as the first one was, by whichever process of the sandbox's asks.
// What is captured lives as long as run_session.
[[nodiscard]] Status start_swaps(const Host& host, const SandboxRequest& request, Policy policy,
                                 const SessionOptions& options, const SandboxPlan& plan,
                                 Parts& parts);

[[nodiscard]] std::function<SandboxUsage()> usage_of(const Parts& parts);
// For the loop; `parts` and `running` outlive it.
[[nodiscard]] SandboxHandles handles_of(const RunningSandbox& running, Parts& parts);

}  // namespace yett

// One sandbox from request to outcome, in the calling process: probe, plan, launch, supervise,
// destroy. The composition root of `yett run`; the only place where sandbox/ and supervisor/ meet.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/call_times.hpp"
#include "ioctl_uapi/grant_protocol.hpp"
#include "sandbox/host/kernel_features.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/policy/policy.hpp"
#include "sandbox/request/sandbox_request.hpp"
#include "supervisor/control/stand_in.hpp"
#include "supervisor/session/late_program.hpp"
#include "supervisor/session/session_report.hpp"
#include "supervisor/trace/tracer.hpp"
#include "supervisor/warm/warm_fork.hpp"

namespace yett {

// What can be said of a sandbox whose program has been executed.
struct StartedSession {
  int init_pid = 0;                  // PID 1's
  int app_pid = 0;                   // the program's; 0: it has ended already
  std::vector<std::string> cgroups;  // directories, v2's first where there is one
  bool cgroup_v2 = false;
  std::string cgroup_path;          // of all of them, below each hierarchy's mount
  std::vector<std::string> mounts;  // places inside that something else than the root is mounted on
};

struct SessionOptions {
  // Called before the launch where nobody asked for the fallback mode and it is that one: why.
  std::function<void(const std::string& why)> on_stepped_down;
  std::string audit_file;             // JSON lines are appended; empty: none
  TraceStack stack = TraceStack::no;  // of a request with `trace`
  // The program comes when everything but it is there; that of the request is run by nobody. Empty:
  // the request's is run. Not with a terminal or `trace`.
  AwaitProgram await_program;
  // Of each verdict that is recorded: `times` alike at once. Called by several threads, one at a
  // time.
  std::function<void(const AuditRecord& record, std::uint64_t times)> on_verdict;
  // The program is one that instances are forks of, once it says that it is ready. Without
  // await_program.
  std::optional<WarmForkHooks> warm_fork;
  // Where a keeper of cgroups that others have, too, takes requests (keeper_request.hpp); invalid:
  // the sandbox has its own. Not with a successor.
  BorrowedFd shared_keeper;
  // Called once, before anything of the program's is answered; an error ends the sandbox.
  std::function<Status(const StartedSession&)> on_started;
  // Of a policy with a successor. Runs in that process as soon as it is there: lets go of what it
  // must not hold open while it waits.
  std::function<void()> in_successor;
  // Called instead of on_started by who has taken the sandbox over; on_started may not have been
  // called by the one before.
  std::function<void(const StartedSession&)> on_adopted;
  // Called once, when all is known of the end and nothing is taken apart yet.
  std::function<void(const SandboxOutcome& outcome)> on_ended;
  // Listens for more programs (exec_protocol.hpp); invalid: none are taken. Runs in the process
  // that takes them: closes what that one must not hold open.
  BorrowedFd exec_socket;
  std::function<void()> in_attendant;
  // The commands of yett/uapi.h are answered there; invalid: there alone where the programs are.
  BorrowedFd control_socket;
  // Questions of a policy that asks are answered there (grant_protocol.hpp); invalid: by nobody.
  BorrowedFd grant_socket;
  // And by the other end of this one, which is told of each question and of what becomes of it.
  BorrowedFd grant_line;
  std::function<void(const GrantReply&)> on_question;
  // Called with how long notified calls took, once a second at most. False: it could not be told.
  // Empty: no time is taken.
  std::function<bool(const CallTimesReport&)> on_call_times;
  // Another policy may come there (swap_protocol.hpp); invalid: the policy stays. `read_policy`
  // reads one, with all that was said beside the first one.
  BorrowedFd swap_socket;
  std::function<Result<Policy>(const std::string& name, const std::string& text)> read_policy;
  // The sandbox's programs may make sandboxes: yett's command line (its [0] included) for a program
  // in one of them. Called in threads. Empty: they may not.
  std::function<std::vector<std::string>(const InsteadOf&)> make_sandboxes;
};

[[nodiscard]] SandboxStart start_of(const SessionOptions& options);

// Probes of the BPF planes, by the room that may load programs. Whoever probes the host, and above
// all whoever keeps the answer for later runs, must hand them in: without them the planes count as
// missing.
[[nodiscard]] BpfProbes bpf_probes();

// The plan alone: nothing privileged happens. For --dry-run.
[[nodiscard]] Result<SandboxPlan> plan_session(const SandboxRequest& request, const Policy& policy);

// Runs the sandbox to its end. A failure before the program started is in the report too, as its
// `failure`, with the exit status that bash and runc would give: 127 not found, 126 not executable,
// 125 ours. The policy is let go of once it is planned, and nobody should keep another: it is a
// fifth of what an idle supervisor has on its heap.
[[nodiscard]] SessionReport run_session(const SandboxRequest& request, Policy policy,
                                        const SessionOptions& options);

}  // namespace yett

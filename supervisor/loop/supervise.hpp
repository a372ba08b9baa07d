// The supervisor's loop for one sandbox: answers notifications, forwards signals, relays the
// terminal, keeps the wall clock, gathers kernel events, until the sandbox ends. The only room that
// knows Asio.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/grant_protocol.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/broker/lend_sockets.hpp"
#include "supervisor/control/control_caller.hpp"
#include "supervisor/control/sandbox_manager.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/loop/admission.hpp"
#include "supervisor/loop/call_times.hpp"
#include "supervisor/loop/meter_look.hpp"
#include "supervisor/loop/plan_slot.hpp"
#include "supervisor/redirect/redirector.hpp"

namespace yett {

// What the loop watches. All owned by the caller, who outlives the loop.
struct SandboxHandles {
  BorrowedFd init_pidfd;       // readable when PID 1 ended
  BorrowedFd status_socket;    // LaunchMessage `exited` arrives here; hang-up: init died
  bool runs_function = false;  // its process is somebody else's child, whose zombie keeps init
  BorrowedFd listener;         // seccomp notifications; invalid: no filter
  BorrowedFd pty_master;       // invalid: stdio is passed through
  BorrowedFd kernel_events;    // epoll-able fd of the BPF ring buffer; invalid: none
  std::function<void()> drain_kernel_events;  // called when kernel_events is readable
  BorrowedFd keeper;                          // of cgroups: hung up when it is gone; or invalid
  std::function<BorrowedFd()> renew_keeper;   // called then; another one, or invalid
  BorrowedFd truth_reads;                     // readable: a read of a told file waits; or invalid
  std::function<void()> serve_truth_reads;
  // For sysinfo; empty: unknown. Called by several threads.
  std::function<SandboxUsage()> usage;
  BorrowedFd name_questions;           // invalid: no name server
  std::function<void()> answer_names;  // called when name_questions is readable
  // For a plan with broker.sockets; null: its calls for sockets are refused.
  std::shared_ptr<SocketLender> lender;
  AdmitTask admit_task;  // empty: none may be made
  // For a plan that redirects; null: its calls that name files are refused.
  std::shared_ptr<Redirector> redirector;
  LookAtMeter meter;          // in a thread of its own; empty: nothing is counted
  BorrowedFd control_socket;  // yett/uapi.h's frames are answered there; or invalid
  // Of a plan that asks; both invalid: nobody can answer. GrantDesk::Answerers has both.
  BorrowedFd grant_socket;
  BorrowedFd grant_line;
  std::function<void(const GrantReply&)> tell_question;
  CallTimes::Tell tell_call_times;       // once a second at most; empty: no time is taken
  BorrowedFd swap_requests;              // invalid: the policy stays
  std::function<void()> serve_swaps;     // called when swap_requests is readable
  std::shared_ptr<PlanSlot> plans;       // null: the plan stays
  std::shared_ptr<CallJournal> journal;  // null: nobody answers after us
  // When the program began: its wall time counts from there, whoever supervises it by now.
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::shared_ptr<SandboxManager> manager;  // null: programs of the sandbox make none of their own
  MakeTemplate make_template;  // of YETT_READY; called by several threads. Empty: none can be
};

struct SandboxOutcome {
  EndReason reason = EndReason::exited;
  int exit_status = 0;  // as bash gives it: 0..255, 128+n for signal n
  std::int64_t user_us = 0;
  std::int64_t system_us = 0;
  std::int64_t max_rss_kib = 0;
  bool is_nothing_left = false;  // fallback: the first process has seen that all others are gone
};

// Runs until the sandbox ended: the app's exit was reported, or init is dead. Init is killed when
// the wall time is over, when the policy kills on a violation, and when the supervisor itself
// fails; its pidfd then tells the end. Reaping it stays with the caller. SIGINT, SIGTERM, SIGHUP,
// SIGQUIT, SIGUSR1 and SIGUSR2 are forwarded to the app through init (a LaunchMessage `signal`);
// SIGWINCH sets the pty's size. Preconditions: the calling thread has these signals blocked; the
// sandbox's processes have the plan's host uid and gid, which this thread takes on meanwhile
// (SandboxIdentity), so callbacks run without privileges. Errors: the loop could not be set up, or
// the listener failed; init has been killed.
[[nodiscard]] Result<SandboxOutcome> supervise(const SandboxPlan& plan,
                                               const SandboxHandles& handles, AuditSink& audit);

}  // namespace yett

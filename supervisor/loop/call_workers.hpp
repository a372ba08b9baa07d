// The threads that answer notifications once one of them has to be carried out in the target's
// memory. That memory can be slow for as long as somebody likes (userfaultfd, a file of a FUSE or
// network server), and whoever touches it waits in the kernel, where nothing but the end of the
// process wakes it. So one thread at a time serves the listener, and the loop watches: a thread
// that is stuck is overtaken by another, and its call is refused when it takes far too long.
// Reasons: docs/decisions/0020-slow-memory.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/broker/lend_sockets.hpp"
#include "supervisor/control/control_caller.hpp"
#include "supervisor/control/sandbox_manager.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/grants/grant_desk.hpp"
#include "supervisor/loop/admission.hpp"
#include "supervisor/loop/call_times.hpp"
#include "supervisor/loop/plan_slot.hpp"
#include "supervisor/notify/pending_notification.hpp"
#include "supervisor/redirect/redirector.hpp"

namespace yett {

class CallWorkers {
 public:
  // A thread whose call takes longer is overtaken.
  static constexpr std::chrono::milliseconds kStuck{100};
  // A call that takes longer is refused with EIO.
  static constexpr std::chrono::milliseconds kTooLate{5000};
  // Threads that may be stuck at once. With more, nobody serves until one comes back.
  static constexpr std::size_t kMostStuck = 8;

  // What has happened since the last look.
  struct News {
    bool served = true;      // a thread takes notifications, or the last filtered process is gone
    bool violation = false;  // under a policy that kills for it
    bool watch = false;      // look again after kStuck, with Look::by_clock
    bool folded = false;     // the audit log has records to write, or times are to be told
    std::optional<Error> failure;               // the listener's
    std::vector<PendingNotification> too_late;  // for the caller to refuse
  };
  enum class Look { by_news, by_clock };

  // Listener, plan and audit log outlive this. Preconditions: the calling thread, which is the only
  // one to use this, holds the SandboxIdentity; the threads inherit it.
  CallWorkers(BorrowedFd listener, const SandboxPlan& plan, std::function<SandboxUsage()> usage,
              AuditSink& audit);
  CallWorkers(const CallWorkers&) = delete;
  CallWorkers& operator=(const CallWorkers&) = delete;
  // Ends the threads. One that is stuck is left to end with the process, and touches nothing of the
  // caller's any more.
  ~CallWorkers();

  // Before the first start(): who carries out calls for sockets.
  void set_lender(std::shared_ptr<SocketLender> lender) { lender_ = std::move(lender); }
  // Before the first start(): who makes sandboxes for the target's programs.
  void set_manager(std::shared_ptr<SandboxManager> manager) { manager_ = std::move(manager); }
  // Before the first start(): who makes a program the template of others.
  void set_template_maker(MakeTemplate make) { make_template_ = std::move(make); }
  // Before the first start(): where questions wait.
  void set_desk(std::shared_ptr<GrantDesk> desk) { desk_ = std::move(desk); }
  // Before the first start(): which plan is in force.
  void set_plans(std::shared_ptr<PlanSlot> plans) { plans_ = std::move(plans); }
  // Before the first start(): who counts tasks before there is another.
  void set_admission(AdmitTask admit) { admit_task_ = std::move(admit); }
  void set_redirector(std::shared_ptr<Redirector> redirector) {
    redirector_ = std::move(redirector);
  }
  // Before the first start(): where the time of calls is counted.
  void set_times(std::shared_ptr<CallTimes> times) { times_ = std::move(times); }
  // Before the first start(): who else can answer what was received.
  void set_journal(std::shared_ptr<CallJournal> journal) { journal_ = std::move(journal); }
  // A thread that answers `first` and then serves the listener. Errors: it cannot be started;
  // `first` is then refused.
  [[nodiscard]] Status start(PendingNotification first);
  // Readable: there is something for look().
  [[nodiscard]] BorrowedFd news() const;
  [[nodiscard]] News look(Look why);
  // The audit log's folded records are written, and times told.
  void flushed();

 private:
  struct Shared;
  struct Worker;
  [[nodiscard]] Status start_one(std::optional<PendingNotification> first);
  void collect_ended(News& news);
  void look_at_calls(News& news) const;
  [[nodiscard]] bool goes_on_watching(Look why);

  BorrowedFd listener_;
  const SandboxPlan* plan_;
  std::function<SandboxUsage()> usage_;
  AuditSink* audit_;
  std::shared_ptr<SocketLender> lender_;
  std::shared_ptr<SandboxManager> manager_;
  MakeTemplate make_template_;
  std::shared_ptr<GrantDesk> desk_;
  std::shared_ptr<PlanSlot> plans_;
  AdmitTask admit_task_;
  std::shared_ptr<Redirector> redirector_;
  std::shared_ptr<CallTimes> times_;
  std::shared_ptr<CallJournal> journal_;
  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Worker>> workers_;
  std::uint64_t calls_seen_ = 0;
  bool hung_up_ = false;
};

}  // namespace yett

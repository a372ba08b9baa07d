// From the listener to verdicts, and the verdicts carried out: receives, decides, answers and
// records, in the thread that polled. Knows nothing of the event loop around it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/broker/lend_sockets.hpp"
#include "supervisor/control/control_calls.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/emulate/open.hpp"
#include "supervisor/grants/grant_desk.hpp"
#include "supervisor/loop/admission.hpp"
#include "supervisor/loop/call_budget.hpp"
#include "supervisor/loop/call_times.hpp"
#include "supervisor/loop/plan_slot.hpp"
#include "supervisor/loop/receive_ticker.hpp"
#include "supervisor/notify/call_answer.hpp"
#include "supervisor/notify/pending_notification.hpp"
#include "supervisor/redirect/redirector.hpp"
#include "supervisor/verdict/verdict.hpp"

namespace yett {

enum class PumpState {
  quiet,        // nothing waits now
  busy,         // the batch is used up; more may wait
  hung_up,      // the last filtered process is gone
  violation,    // a refusal under a policy that kills for it
  handed_over,  // a call waits that this pump does not carry out: handed_over()
  overtaken,    // a call took so long that somebody else serves the listener now
};

// Calls that are carried out in the target's memory wait for it as long as the target likes.
enum class SlowCalls {
  in_place,   // here and now
  hand_over,  // by somebody else
  refuse,     // not at all: EIO
};

// Is told when the target's memory is touched, by the thread that does it.
class SlowCallWatch {
 public:
  virtual ~SlowCallWatch() = default;
  virtual void begin(const PendingNotification& pending) = 0;
  // Held until the call is recorded and answered. Not held: it is not ours any more, nor are plan
  // and audit log.
  [[nodiscard]] virtual std::unique_lock<std::mutex> end() = 0;
  // Whether this was the pump's last call.
  [[nodiscard]] virtual bool overtaken() const = 0;
};

class NotificationPump {
 public:
  // Notifications answered before other events get their turn: about 1 ms of work.
  static constexpr int kBatch = 256;

  // `plan`, `audit`, the listener and the watch outlive the pump.
  NotificationPump(BorrowedFd listener, const SandboxPlan& plan,
                   std::function<SandboxUsage()> usage, AuditSink& audit,
                   SlowCalls slow_calls = SlowCalls::in_place, SlowCallWatch* watch = nullptr);

  // Answers what waits. Under a stream of calls it stays for up to 1 ms, waiting for the next one
  // here rather than in the event loop.
  [[nodiscard]] Result<PumpState> run();
  // One that another pump received.
  [[nodiscard]] PumpState answer(PendingNotification pending);
  // After PumpState::handed_over.
  [[nodiscard]] PendingNotification handed_over() { return *std::move(handed_over_); }
  // Records and answers that its memory was too slow.
  void refuse_slow(PendingNotification pending);
  // From now on.
  void set_slow_calls(SlowCalls slow_calls) { slow_calls_ = slow_calls; }
  // Before the first run. Without one it has one of its own.
  void set_budget(std::shared_ptr<CallBudget> budget) { budget_ = std::move(budget); }
  // Before the first run. Without one, calls for sockets are refused.
  void set_lender(std::shared_ptr<SocketLender> lender) { lender_ = std::move(lender); }
  // Before the first run. Without one, what the sandbox has no file for is not there.
  void set_desk(std::shared_ptr<GrantDesk> desk) { desk_ = std::move(desk); }
  // Before the first run. Without it, calls that name files are refused.
  void set_redirector(std::shared_ptr<Redirector> redirector) {
    redirector_ = std::move(redirector);
  }
  // Before the first run. Without it, calls that wait for a count are refused.
  void set_admission(AdmitTask admit) { admit_task_ = std::move(admit); }
  // Before the first run. Without one, the plan stays. With one, each call is decided by the plan
  // that is in force when it was received.
  void set_plans(std::shared_ptr<PlanSlot> plans) { plans_ = std::move(plans); }
  // Before the first run. Without them, no time is taken of calls.
  void set_times(std::shared_ptr<CallTimes> times) { times_ = std::move(times); }
  // Before the first run. Without one, nobody else can answer what this one has received.
  void set_journal(std::shared_ptr<CallJournal> journal) { journal_ = std::move(journal); }
  // Calls that another supervisor received wait, and come first.
  [[nodiscard]] bool has_left() const { return journal_ && journal_->has_left(); }
  // Before the first run. Without one, programs cannot make sandboxes.
  void set_manager(std::shared_ptr<SandboxManager> manager) {
    manager_ = manager;
    control_.set_manager(std::move(manager));
  }
  // Before the first run. Without it, programs cannot be templates. Not with plans that change.
  void set_template_maker(MakeTemplate make) { control_.set_template_maker(std::move(make)); }

 private:
  [[nodiscard]] std::optional<PumpState> answer_left();
  [[nodiscard]] Result<PumpState> answer_waiting();
  [[nodiscard]] Result<PumpState> answer_stream();
  [[nodiscard]] PumpState state_of(short events) const;
  [[nodiscard]] std::optional<PumpState> end_of_run() const;
  void take_plan();
  void note_pace();
  [[nodiscard]] bool is_stream();
  void handle(PendingNotification pending);
  [[nodiscard]] CallKind answer_as_decided(PendingNotification pending);
  void let_run(PendingNotification pending, const Verdict& verdict);
  void admit(PendingNotification pending, const Verdict& verdict);
  void refuse(PendingNotification pending, const Snapshot& snapshot, const Verdict& verdict);
  // lent_calls.cpp
  void lend(PendingNotification pending, const Snapshot& snapshot, LentCall call);
  [[nodiscard]] LentAnswer lend_now(PendingNotification& pending, LentCall call);
  void answer_lent(PendingNotification pending, const Snapshot& snapshot, const LentAnswer& answer);
  void record_lent(const PendingNotification& pending, const Snapshot& snapshot,
                   const LentAnswer& answer);
  // redirected_calls.cpp
  void redirect(PendingNotification pending, const Snapshot& snapshot);
  void give_redirected(PendingNotification pending, const Snapshot& snapshot,
                       RedirectAnswer& answer);
  // asked_calls.cpp
  void open_file(PendingNotification pending, const Snapshot& snapshot);
  [[nodiscard]] std::optional<AskedFile> open_now(PendingNotification& pending, OpenedFile& opened);
  [[nodiscard]] Asker asker_of(const PendingNotification& pending, const Snapshot& snapshot) const;
  void carry_out(PendingNotification pending, const Snapshot& snapshot, const Verdict& verdict);
  void answer_with(PendingNotification pending, const Snapshot& snapshot, const CallAnswer& answer);
  // Commands on /dev/yett are the control room's, the rest is emulated.
  [[nodiscard]] CallAnswer perform(const PendingNotification& pending, Emulation emulation) const;
  void record(const PendingNotification& pending, const Snapshot& snapshot, int error,
              std::uint64_t token);
  void record_logged(const PendingNotification& pending, std::string words);

  BorrowedFd listener_;
  std::function<SandboxUsage()> usage_;
  PolicyEngine engine_;
  SysinfoEmulator sysinfo_;
  ControlCalls control_;
  AuditSink* audit_;
  const SandboxPlan* plan_;
  std::shared_ptr<CallJournal> journal_;
  std::shared_ptr<PlanSlot> plans_;
  PlanSlot::Plan swapped_;  // keeps what plan_ points to
  std::uint64_t generation_ = 0;
  std::shared_ptr<SandboxManager> manager_;
  ReceiveTicker ticker_;
  std::shared_ptr<CallTimes> times_;
  std::shared_ptr<CallBudget> budget_ = std::make_shared<CallBudget>();
  std::int64_t last_run_ns_ = 0;
  int quick_calls_ = 0;  // in a row, each soon after the one before
  bool violated_ = false;
  bool overtaken_ = false;
  SlowCalls slow_calls_;
  SlowCallWatch* watch_;  // null: nobody is told
  std::shared_ptr<SocketLender> lender_;
  std::shared_ptr<GrantDesk> desk_;
  AdmitTask admit_task_;
  std::shared_ptr<Redirector> redirector_;
  TargetOpener opener_;
  std::optional<PendingNotification> handed_over_;
};

}  // namespace yett

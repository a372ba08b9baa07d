// From the listener to verdicts, and the verdicts carried out: receives, decides, answers and
// records, in the thread that polled. Knows nothing of the event loop around it.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/loop/receive_ticker.hpp"
#include "supervisor/notify/pending_notification.hpp"
#include "supervisor/verdict/verdict.hpp"

namespace yett {

enum class PumpState {
  quiet,      // nothing waits now
  busy,       // the batch is used up; more may wait
  hung_up,    // the last filtered process is gone
  violation,  // a refusal under a policy that kills for it
};

class NotificationPump {
 public:
  // Notifications answered before other events get their turn: about 1 ms of work.
  static constexpr int kBatch = 256;

  // `plan`, `audit` and the listener outlive the pump.
  NotificationPump(BorrowedFd listener, const SandboxPlan& plan,
                   std::function<SandboxUsage()> usage, AuditSink& audit);

  // Answers what waits. Under a stream of calls it stays for up to 1 ms, waiting for the next one
  // here rather than in the event loop.
  [[nodiscard]] Result<PumpState> run();

 private:
  [[nodiscard]] Result<PumpState> answer_waiting();
  [[nodiscard]] Result<PumpState> answer_stream();
  [[nodiscard]] PumpState state_of(short events) const;
  void note_pace();
  [[nodiscard]] bool is_stream();
  void handle(PendingNotification pending);
  void refuse(PendingNotification pending, const Snapshot& snapshot, const Verdict& verdict);
  void carry_out(PendingNotification pending, const Snapshot& snapshot, const Verdict& verdict);
  [[nodiscard]] int emulate(const PendingNotification& pending, Emulation emulation);
  void record(const PendingNotification& pending, const Snapshot& snapshot, int error,
              std::uint64_t token);

  BorrowedFd listener_;
  PolicyEngine engine_;
  SysinfoEmulator sysinfo_;
  AuditSink* audit_;
  const SandboxPlan* plan_;
  ReceiveTicker ticker_;
  std::int64_t last_run_ns_ = 0;
  int quick_calls_ = 0;  // in a row, each soon after the one before
  bool violated_ = false;
};

}  // namespace yett

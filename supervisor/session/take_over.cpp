#include "supervisor/session/take_over.hpp"

#include <poll.h>
#include <unistd.h>

#include "supervisor/session/successor.hpp"

namespace yett {
namespace {

AuditRecord record_of(const SandboxPlan& plan, const Parts& parts) {
  const std::size_t pending = parts.journal->left();
  const bool freezes = plan.supervisor_loss == SupervisorLoss::freeze;
  return AuditRecord{.sandbox = plan.sandbox,
                     .pid = ::getpid(),
                     .comm = "yett",
                     .plane = plane_name(Plane::supervisor),
                     .call = "supervisor lost",
                     .object = "process " + std::to_string(parts.lost_supervisor) + ", " +
                               std::to_string(pending) + " calls pending",
                     .rule = freezes ? "on.supervisor_loss = freeze" : "on.supervisor_loss = adopt",
                     .verdict = VerdictKind::allow,
                     .mend = {}};
}

// Helpers of the other one's died with it.
Status take_over(const SandboxPlan& plan, Parts& parts) {
  parts.journal->take_over();
  parts.audit.record(record_of(plan, parts));
  if (plan.supervisor_loss == SupervisorLoss::freeze) YETT_CHECK(parts.cgroup->freeze());
  if (parts.truth) parts.truth->let_readers_go();
  YETT_TRY(parts.lender, start_lender(plan, parts.cgroup ? parts.cgroup->v2() : BorrowedFd()));
  return {};
}

}  // namespace

Status arrange_succession(const SandboxPlan& plan, const SessionOptions& options, Parts& parts) {
  if (plan.supervisor_loss == SupervisorLoss::kill) return {};
  YETT_TRY(parts.journal, CallJournal::make());
  const auto tell_keeper = [&parts](BorrowedFd successor) {
    return parts.cgroup ? parts.cgroup->share_with(successor) : Status{};
  };
  YETT_TRY(Succession succession, stand_by({.let_go = options.in_successor, .tell = tell_keeper}));
  parts.successor = std::move(succession.successor);
  parts.lost_supervisor = succession.lost;
  return parts.lost_supervisor == 0 ? Status{} : take_over(plan, parts);
}

void stand_still(const RunningSandbox& running, const Parts& parts) {
  if (parts.lost_supervisor == 0 || !parts.cgroup) return;
  constexpr int kLookMs = 100;
  struct pollfd ended{.fd = running.init.pidfd().get(), .events = POLLIN, .revents = 0};
  while (parts.cgroup->is_frozen() && ::poll(&ended, 1, kLookMs) <= 0) {
  }
}

}  // namespace yett

// Takes requests for another policy (swap_protocol.hpp) and carries them out, in the supervisor's
// loop: between two events, so nothing that the loop does sees half of one. A swap is planned and
// compared whole before anything is done; what then can fail comes first and undoes itself, and the
// store that switches the supervisors comes last. docs/decisions/0031-live-policies.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/swap_protocol.hpp"
#include "sandbox/guard/cgroup.hpp"
#include "sandbox/plan/plan_changes.hpp"
#include "sandbox/policy/policy.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/broker/name_service.hpp"
#include "supervisor/loop/plan_slot.hpp"
#include "supervisor/lsm/kernel_planes.hpp"
#include "supervisor/truth/truth_files.hpp"

namespace yett {

// What a swap works on; all outlive the desk.
struct SwappedParts {
  const SandboxPlan* started = nullptr;
  PlanSlot* plans = nullptr;
  KernelPlanes* planes = nullptr;  // null: none
  NameService* names = nullptr;    // null: none
  AuditSink* audit = nullptr;
  const CgroupDir* cgroup = nullptr;  // null: none
  TruthFiles* truth = nullptr;        // null: none
};

class SwapDesk {
 public:
  // From name and text, with all that was said at the start beside the policy's file.
  using ReadPolicy =
      std::function<Result<Policy>(const std::string& name, const std::string& text)>;
  using MakePlan = std::function<Result<SandboxPlan>(const Policy& policy)>;

  // `socket` listens. `policy`: in force now.
  [[nodiscard]] static Result<std::unique_ptr<SwapDesk>> open(BorrowedFd socket,
                                                              const SwappedParts& parts,
                                                              Policy policy, ReadPolicy read_policy,
                                                              MakePlan make_plan);

  // Readable: it is time for serve(), which never waits for whoever asks.
  [[nodiscard]] BorrowedFd events() const { return epoll_.borrow(); }
  void serve();

 private:
  static constexpr std::size_t kMostConnections = 8;

  SwapDesk(BorrowedFd socket, const SwappedParts& parts, Policy policy, ReadPolicy read_policy,
           MakePlan make_plan);
  void take_connection();
  // False: the connection has come to its end.
  [[nodiscard]] bool answer(BorrowedFd connection);
  [[nodiscard]] Result<SwapReply> carry_out(const ReceivedSwapRequest& asked);
  [[nodiscard]] Status switch_to(const SandboxPlan& wanted, const PlanChanges& changed) const;
  [[nodiscard]] Status switch_network(const SandboxPlan& wanted) const;
  [[nodiscard]] const SandboxPlan& running() const { return plan_ ? *plan_ : *parts_.started; }

  BorrowedFd socket_;
  SwappedParts parts_;
  Policy policy_;
  PlanSlot::Plan plan_;  // null: what it was started with
  ReadPolicy read_policy_;
  MakePlan make_plan_;
  UniqueFd epoll_;
  std::vector<UniqueFd> connections_;
};

}  // namespace yett

// The plan that is in force, for all who answer for one sandbox: the supervisor, its threads, and
// the processes that supervise what `yett exec` took in. They are copies of one process and share a
// page that says which policy holds; one store there switches them all. Each makes the plan of it
// by itself, as the supervisor did: from the same request, the same host and the same text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

class PlanSlot {
 public:
  using Plan = std::shared_ptr<const SandboxPlan>;
  // From a policy's name and text.
  using MakePlan =
      std::function<Result<SandboxPlan>(const std::string& name, const std::string& text)>;
  static constexpr std::size_t kMostText = 1UL << 20;  // of a policy
  static constexpr std::size_t kMostName = 4096;

  // Before the processes part. `make_plan` is called by any thread of theirs, one at a time.
  [[nodiscard]] static Result<std::shared_ptr<PlanSlot>> make(MakePlan make_plan);
  PlanSlot(const PlanSlot&) = delete;
  PlanSlot& operator=(const PlanSlot&) = delete;
  ~PlanSlot();

  // How often the policy has been swapped. One load.
  [[nodiscard]] std::uint64_t generation() const;
  // Of the newest generation, which is told too; null while it is 0: what the sandbox was started
  // with. A plan that cannot be made here is one that allows nothing. SECURITY(fail-closed)
  [[nodiscard]] Plan current(std::uint64_t& generation);
  // By the supervisor's loop alone. `plan` is what make_plan gives of them.
  void publish(const std::string& name, const std::string& text, Plan plan);

 private:
  struct Shared;
  PlanSlot(MakePlan make_plan, Shared* shared);
  [[nodiscard]] Plan make_current(std::uint64_t& generation) const;

  MakePlan make_plan_;
  Shared* shared_;   // mapped, and the same memory in all processes
  std::mutex lock_;  // of what follows
  std::uint64_t known_ = 0;
  Plan plan_;
};

}  // namespace yett

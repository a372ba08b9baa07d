// `yett run --trace`: sees the end of each system call of the sandbox (ptrace) and records those
// that a rule made fail, also on planes that report nothing: mounts, Landlock, namespaces, limits,
// errno verdicts of the filter. It only watches: what is refused is refused by the planes, and a
// sandbox whose tracer dies is killed by the kernel. Why ptrace: docs/decisions/0026.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"

namespace yett {

enum class TraceStack { no, yes };

class Tracer {
 public:
  Tracer() = default;
  Tracer(Tracer&&) noexcept = default;
  Tracer& operator=(Tracer&&) noexcept = default;
  // Waits for the sandbox's processes to be gone. Preconditions: they are dead or dying.
  ~Tracer();

  // Follows what `init`, the sandbox's waiting PID 1, will start: its program, and that one's
  // children. A thread of its own does it. `audit` outlives the tracer.
  [[nodiscard]] static Result<Tracer> start(pid_t init, const SandboxPlan& plan, AuditSink& audit,
                                            TraceStack stack);

 private:
  struct Thread;
  struct Join {
    void operator()(Thread* thread) const;
  };
  explicit Tracer(std::unique_ptr<Thread, Join> thread) : thread_(std::move(thread)) {}
  std::unique_ptr<Thread, Join> thread_;
};

}  // namespace yett

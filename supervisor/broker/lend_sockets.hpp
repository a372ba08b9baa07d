// socket(2) and listen(2) of a sandbox without a network of its own, carried out with sockets of
// the supervisor's network; and listen(2) of one in the host's whose ports Landlock holds. All else
// that can be done with them is the kernel's and the cgroup programs' affair: nothing here looks at
// the target's memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/broker/endpoint.hpp"
#include "supervisor/broker/socket_maker.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// What became of a call.
struct LentAnswer {
  bool answered = false;  // the target has its answer, or left
  int error = 0;          // else: the errno to answer with, 0 for success
  std::string endpoint;   // refused by a rule: what was to be listened on, "tcp://0.0.0.0:80"
};

class SocketLender {
 public:
  explicit SocketLender(std::optional<SocketMaker> maker) : maker_(std::move(maker)) {}

  // By any thread; may wait, see SocketMaker::take and PendingNotification::answer_fd.
  // Preconditions of the first: the arguments are those of a lent socket (PolicyEngine).
  [[nodiscard]] LentAnswer socket(PendingNotification& pending);
  // `rules`: for addresses that may be listened on.
  [[nodiscard]] LentAnswer listen(const PendingNotification& pending,
                                  const std::vector<EndpointRule>& rules);

 private:
  // Nobody: the supervisor is the sandbox's user itself, and no socket is lent.
  std::optional<SocketMaker> maker_;
};

// For a plan with broker.sockets or broker.listens; null for any other. `cgroup`: the sandbox's v2
// directory, with the programs attached. Preconditions: root, no other thread.
[[nodiscard]] Result<std::shared_ptr<SocketLender>> start_lender(const SandboxPlan& plan,
                                                                 BorrowedFd cgroup);

}  // namespace yett

// Where questions wait for an answer: a thread of the supervisor with a socket of its own, so that
// neither the loop nor the threads that serve the listener ever wait for a person. Whoever holds
// the socket's directory (root alone) may list the questions and answer them (grant_protocol.hpp).
// SECURITY(no-answer): a question without an answer, for whatever reason, is a no.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/grant_protocol.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/grants/asked_file.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// Who asks, for those who answer and for the audit log.
struct Asker {
  std::int32_t pid = 0;
  std::string comm;
  std::string call;
  std::string arguments;  // as its registers have them
};

class GrantDesk {
 public:
  // Answered with when it is a no.
  static constexpr int kRefusal = EACCES;

  // Who can answer: whoever connects to `socket`, which listens, the other end of `connection`, and
  // that of `line`, who is told of each question and of what becomes of it by `tell` (called by any
  // thread, one at a time; it does not wait). All invalid: nobody can, and each question is a no at
  // once.
  struct Answerers {
    BorrowedFd socket;
    UniqueFd connection;
    BorrowedFd line;
    std::function<void(const GrantReply&)> tell;
  };
  // Plan and audit log outlive stop(). Preconditions: the calling thread holds the SandboxIdentity;
  // the desk's inherits it.
  [[nodiscard]] static Result<std::shared_ptr<GrantDesk>> start(Answerers answerers,
                                                                BorrowedFd listener,
                                                                const SandboxPlan& plan,
                                                                AuditSink& audit);
  GrantDesk(const GrantDesk&) = delete;
  GrantDesk& operator=(const GrantDesk&) = delete;
  ~GrantDesk();

  // What was allowed for good, as show_asked_file() gives it, open until the desk goes; invalid: it
  // was not. May give `rights` back. By any thread, as what follows.
  [[nodiscard]] BorrowedFd remembered(const AskedFile& file, LastingRights& rights) const;
  // For the audit log. False: it is to be told who asks. True: counted, for it was just told.
  [[nodiscard]] bool repeats_remembered(const AskedFile& file) const;
  void note_remembered(const AskedFile& file, const Asker& asker);
  // Does not wait for an answer. Refuses at once where there are too many questions.
  void ask(PendingNotification pending, AskedFile file, Asker asker);

  // Rung for each new question: an eventfd.
  [[nodiscard]] BorrowedFd asked() const;

  // All that are open are refused, and the thread ends; one that a target keeps waiting is left
  // behind and touches nothing of the caller's any more.
  void stop();

 private:
  struct State;
  explicit GrantDesk(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace yett

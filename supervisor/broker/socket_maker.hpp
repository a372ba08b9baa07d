// The supervisor's side of the process that makes a sandbox's sockets (socket_maker_child.hpp).
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/broker/socket_maker_child.hpp"

namespace yett {

class SocketMaker {
 public:
  // Starts the process in `cgroup`, the sandbox's v2 directory, whose programs are attached.
  // Preconditions: root, no other thread.
  [[nodiscard]] static Result<SocketMaker> start(const IdentityPlan& identity, BorrowedFd cgroup);
  SocketMaker(SocketMaker&& other) noexcept;
  SocketMaker& operator=(SocketMaker&&) = delete;

  // A fresh socket, close-on-exec and blocking. One of each kind that was asked for before is kept
  // ready, so that the usual call waits for nobody; else it takes a round trip, and at most
  // kPatience (the process may be frozen with its sandbox). By any thread. Errors: the kernel's own
  // for such a socket; sys_errno EIO, the process is gone or too slow.
  [[nodiscard]] Result<UniqueFd> take(SocketKind kind);

  // listen(2) at `socket`, of any family, under the sandbox's own ids instead of ours. Waits and
  // fails as `take` does.
  [[nodiscard]] Status listen(BorrowedFd socket, int backlog);

  static constexpr std::chrono::seconds kPatience{4};

 private:
  SocketMaker(ChildProcess process, UniqueFd replies);
  // Once until the reply has come.
  [[nodiscard]] Status ask(const SocketRequest& request, std::span<const int> fds = {});
  [[nodiscard]] Result<bool> receive_one();
  [[nodiscard]] Status receive_until_answered(SocketKind kind,
                                              std::chrono::steady_clock::time_point until);
  [[nodiscard]] Status wait_for_reply(std::chrono::steady_clock::time_point until) const;

  struct Shelf {
    UniqueFd spare;
    int error = 0;  // of the latest reply without a socket
    bool asked = false;
  };

  ChildProcess process_;
  UniqueFd replies_;
  std::mutex lock_;  // of what follows
  std::array<Shelf, kSocketKinds> shelves_;
};

}  // namespace yett

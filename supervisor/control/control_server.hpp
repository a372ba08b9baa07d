// The control socket: who may connect, and one thread for all connections. Nobody in it waits for
// a peer.
#pragma once

#include <poll.h>
#include <pthread.h>
#include <sys/types.h>

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/control/control_connection.hpp"

namespace yett {

struct ControlService {
  const SandboxPlan* plan = nullptr;  // outlives the server
  std::function<SandboxUsage()> usage;
  // Who makes sandboxes for one connection; empty: nobody.
  std::function<std::shared_ptr<SandboxManager>()> make_manager;
  ControlConnection::OnLogged on_logged;  // empty: what is said is not kept
  uid_t owner = 0;                        // may connect, beside root
};

class ControlServer {
 public:
  static constexpr std::size_t kMostConnections = 16;

  // `socket` listens (SOCK_SEQPACKET) and outlives the server.
  ControlServer(ControlService service, BorrowedFd socket);
  // Until `stop` is readable.
  void serve(BorrowedFd stop);

 private:
  [[nodiscard]] std::vector<pollfd> watched(BorrowedFd stop,
                                            ControlConnection::Clock::time_point now) const;
  [[nodiscard]] int poll_time(ControlConnection::Clock::time_point now) const;
  void take_connection();

  ControlService service_;
  BorrowedFd socket_;
  std::shared_ptr<UniqueFd> bell_;
  std::list<ControlConnection> connections_;
};

// The same in a thread of its own, ended by the destructor.
class ControlThread {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ControlThread>> start(ControlService service,
                                                                    BorrowedFd socket);
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;
  ~ControlThread();

 private:
  ControlThread(ControlService service, BorrowedFd socket) : server_(std::move(service), socket) {}
  ControlServer server_;
  UniqueFd stop_;
  pthread_t thread_{};
};

}  // namespace yett

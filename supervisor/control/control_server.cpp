#include "supervisor/control/control_server.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "base/signal_free_thread.hpp"
#include "ioctl_uapi/peer.hpp"

namespace yett {
namespace {

using Clock = ControlConnection::Clock;

// Before those of the connections.
enum Place : std::size_t { kStop, kBell, kSocket, kFirst };

// SECURITY(control-peer): whoever could reach the socket's directory.
bool may_connect(const std::optional<ucred>& peer, uid_t owner) {
  return peer && (peer->uid == 0 || peer->uid == owner);
}

constexpr int kPauseMs = 100;

}  // namespace

ControlServer::ControlServer(ControlService service, BorrowedFd socket)
    : service_(std::move(service)),
      socket_(socket),
      bell_(std::make_shared<UniqueFd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {}

void ControlServer::take_connection() {
  UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  // What there is too little of may come back: until then it is not asked for without a pause.
  if (!connection.valid() && errno != EINTR) ::poll(nullptr, 0, kPauseMs);
  const auto peer = read_peer(connection.borrow());  // of no connection: nobody's
  if (!may_connect(peer, service_.owner)) return;
  if (connections_.size() >= kMostConnections)
    return refuse_connection(connection.borrow(), EAGAIN);
  connections_.emplace_back(std::move(connection), *peer,
                            ControlCalls(*service_.plan, service_.usage, ControlCarrier::socket),
                            service_.make_manager ? service_.make_manager() : nullptr, bell_,
                            service_.on_logged);
}

std::vector<pollfd> ControlServer::watched(BorrowedFd stop, Clock::time_point now) const {
  std::vector<pollfd> watched{{.fd = stop.get(), .events = POLLIN, .revents = 0},
                              {.fd = bell_->get(), .events = POLLIN, .revents = 0},
                              {.fd = socket_.get(), .events = POLLIN, .revents = 0}};
  for (const ControlConnection& each : connections_)
    watched.push_back({.fd = each.fd(), .events = each.events(now), .revents = 0});
  return watched;
}

// -1: nobody waits for a turn.
int ControlServer::poll_time(Clock::time_point now) const {
  auto first = Clock::time_point::max();
  for (const ControlConnection& each : connections_)
    if (each.next_call() > now) first = std::min(first, each.next_call());
  if (first == Clock::time_point::max()) return -1;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(first - now).count());
}

void ControlServer::serve(BorrowedFd stop) {
  for (;;) {
    // One moment for both: a turn that came between two would be waited for without a time.
    const auto before = Clock::now();
    auto watch = watched(stop, before);
    if (::poll(watch.data(), watch.size(), poll_time(before)) < 0 && errno != EINTR) return;
    if (watch[kStop].revents != 0) return;
    eventfd_t rung = 0;
    ::eventfd_read(bell_->get(), &rung);
    std::size_t place = kFirst;
    const auto now = Clock::now();
    std::erase_if(connections_, [&](ControlConnection& each) {
      return !each.serve(watch[place++].revents, now);
    });
    if (watch[kSocket].revents != 0) take_connection();
  }
}

Result<std::unique_ptr<ControlThread>> ControlThread::start(ControlService service,
                                                            BorrowedFd socket) {
  std::unique_ptr<ControlThread> made(new ControlThread(std::move(service), socket));
  made->stop_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!made->stop_.valid()) return fail(errno_error("eventfd"));
  const auto run = [](void* given) -> void* {
    auto* mine = static_cast<ControlThread*>(given);
    mine->server_.serve(mine->stop_.borrow());
    return nullptr;
  };
  const int error = start_signal_free(made->thread_, nullptr, run, made.get());
  if (error == 0) return made;
  made->stop_.reset();  // there is no thread to end
  return fail(errno_error(error, "start a thread", "control socket"));
}

ControlThread::~ControlThread() {
  if (!stop_.valid()) return;
  ::eventfd_write(stop_.get(), 1);
  ::pthread_join(thread_, nullptr);
}

}  // namespace yett

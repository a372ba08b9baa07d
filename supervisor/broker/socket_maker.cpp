#include "supervisor/broker/socket_maker.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "ioctl_uapi/send_fds.hpp"

namespace yett {
namespace {

Error no_maker(std::string detail) {
  Error error = errno_error(EIO, "make a socket outside");
  error.detail = std::move(detail);
  return error;
}

std::size_t index_of(SocketKind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

SocketMaker::SocketMaker(ChildProcess process, UniqueFd replies)
    : process_(std::move(process)), replies_(std::move(replies)) {}

SocketMaker::SocketMaker(SocketMaker&& other) noexcept
    : process_(std::move(other.process_)),
      replies_(std::move(other.replies_)),
      shelves_(std::move(other.shelves_)) {}

Result<SocketMaker> SocketMaker::start(const IdentityPlan& identity, BorrowedFd cgroup) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(errno_error("socketpair"));
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const int parent = ::getpid();
  YETT_TRY(ForkedChild forked, fork_with_namespaces(0, cgroup));
  if (forked.pid == 0)
    run_socket_maker_child({.requests = theirs.get(),
                            .parent = parent,
                            .uid = identity.host_uid,
                            .gid = identity.host_gid});
  return SocketMaker(ChildProcess(forked.pid, std::move(forked.pidfd)), std::move(ours));
}

Status SocketMaker::ask(const SocketRequest& request, std::span<const int> fds) {
  Shelf& shelf = shelves_[index_of(request.kind)];
  if (shelf.asked) return {};
  const ChildResult sent = send_with_fds(replies_.get(), &request, sizeof request, fds);
  if (sent != kDone) return fail(no_maker("the process that makes them is gone"));
  shelf.asked = true;
  return {};
}

// False: nothing has come.
Result<bool> SocketMaker::receive_one() {
  SocketReply reply;
  int made = -1;
  const ChildResult received =
      receive_frame(replies_.get(), &reply, sizeof reply, std::span(&made, 1), MSG_DONTWAIT);
  UniqueFd socket(made);
  if (received == EAGAIN || received == EINTR) return false;
  if (received != kDone || index_of(reply.kind) >= kSocketKinds)
    return fail(no_maker("the process that makes them is gone"));
  Shelf& shelf = shelves_[index_of(reply.kind)];
  shelf.asked = false;
  shelf.error = reply.error;
  shelf.spare = std::move(socket);
  return true;
}

Status SocketMaker::wait_for_reply(std::chrono::steady_clock::time_point until) const {
  pollfd watched{.fd = replies_.get(), .events = POLLIN, .revents = 0};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail(no_maker("the process that makes them does not answer"));
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(errno_error("poll"));
  }
}

Status SocketMaker::receive_until_answered(SocketKind kind,
                                           std::chrono::steady_clock::time_point until) {
  while (shelves_[index_of(kind)].asked) {
    YETT_CHECK(wait_for_reply(until));
    YETT_TRY([[maybe_unused]] const bool came, receive_one());
  }
  return {};
}

Status SocketMaker::listen(BorrowedFd socket, int backlog) {
  constexpr SocketKind kKind = SocketKind::listening;
  const std::scoped_lock held(lock_);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  YETT_CHECK(receive_until_answered(kKind, until));  // of one that nobody waits for any more
  const int passed = socket.get();
  YETT_CHECK(ask({.kind = kKind, .backlog = backlog}, std::span(&passed, 1)));
  YETT_CHECK(receive_until_answered(kKind, until));
  const int error = shelves_[index_of(kKind)].error;
  if (error != 0) return fail(errno_error(error, "listen"));
  return {};
}

Result<UniqueFd> SocketMaker::take(SocketKind kind) {
  const std::scoped_lock held(lock_);
  Shelf& shelf = shelves_[index_of(kind)];
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (bool came = true; came && !shelf.spare.valid();) {
    YETT_TRY(came, receive_one());
  }
  while (!shelf.spare.valid()) {
    shelf.error = 0;
    YETT_CHECK(ask({.kind = kind}));
    YETT_CHECK(wait_for_reply(until));
    YETT_TRY(const bool came, receive_one());
    if (came && shelf.error != 0) return fail(errno_error(shelf.error, "socket"));
  }
  UniqueFd socket = std::move(shelf.spare);
  static_cast<void>(ask({.kind = kind}));  // the next one's; a failure shows when it is wanted
  return socket;
}

}  // namespace yett

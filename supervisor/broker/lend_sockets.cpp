#include "supervisor/broker/lend_sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "supervisor/broker/endpoint.hpp"
#include "supervisor/notify/target_fd.hpp"

namespace yett {
namespace {

// The kernel reads ints: the low 32 bits of the registers.
struct SocketArguments {
  explicit SocketArguments(const seccomp_data& data)
      : is_ipv6(static_cast<int>(data.args[0]) == AF_INET6),
        is_stream((static_cast<int>(data.args[1]) & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) ==
                  SOCK_STREAM),
        close_on_exec((data.args[1] & SOCK_CLOEXEC) != 0 ? CloseOnExec::yes : CloseOnExec::no),
        non_blocking((data.args[1] & SOCK_NONBLOCK) != 0) {}

  [[nodiscard]] SocketKind kind() const {
    if (is_ipv6) return is_stream ? SocketKind::ipv6_stream : SocketKind::ipv6_datagram;
    return is_stream ? SocketKind::ipv4_stream : SocketKind::ipv4_datagram;
  }

  bool is_ipv6;
  bool is_stream;
  CloseOnExec close_on_exec;
  bool non_blocking;
};

int errno_of(const Error& error) { return error.sys_errno > 0 ? error.sys_errno : EIO; }

LentAnswer failed(const Error& error) {
  if (error.kind == ErrorKind::target_gone) return {.answered = true};
  return {.error = errno_of(error)};
}

bool listens(BorrowedFd socket) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

// What cgroup programs cannot see: a TCP socket that nobody bound, or that was bound to a port of
// the kernel's choice, becomes a listener on it. SECURITY(lent-listen): the rules are asked about
// the very socket that then listens, and about where it listens in the end.
LentAnswer listen_at_rule(BorrowedFd socket, const LocalEndpoint& before, int backlog,
                          const std::vector<EndpointRule>& rules) {
  const auto has_rule = [&](const LocalEndpoint& local) {
    return std::ranges::any_of(rules,
                               [&](const EndpointRule& rule) { return covers(rule, local); });
  };
  // SECURITY(listen-both): a rule for IPv6 does not open IPv4. A bound socket keeps its
  // IPV6_V6ONLY.
  const auto is_allowed = [&](const LocalEndpoint& local) {
    return has_rule(local) && (!local.takes_ipv4 || has_rule(ipv4_side(local)));
  };
  const LocalEndpoint wanted = has_rule(before) ? ipv4_side(before) : before;
  if (!is_allowed(before)) {
    // One that listens already was made to by a supervisor which died before it looked again.
    if (listens(socket)) ::shutdown(socket.get(), SHUT_RD);
    return {.error = EPERM, .endpoint = wanted.text()};
  }
  if (::listen(socket.get(), backlog) != 0) return {.error = errno};
  const auto after = read_local_endpoint(socket);
  if (after && is_allowed(*after)) return {};
  ::shutdown(socket.get(), SHUT_RD);  // of a listener: it listens no more
  return {.error = EPERM, .endpoint = before.text()};
}

}  // namespace

LentAnswer SocketLender::socket(PendingNotification& pending) {
  const SocketArguments wanted(pending.data());
  if (!maker_) return {.error = EPERM};
  const auto made = maker_->take(wanted.kind());
  if (!made) return failed(made.error());
  if (wanted.non_blocking && ::fcntl(made->get(), F_SETFL, O_RDWR | O_NONBLOCK) != 0)
    return {.error = errno};
  const Status given = pending.answer_fd(made->borrow(), wanted.close_on_exec);
  if (!given) return failed(given.error());
  return {.answered = true};
}

// SECURITY(lent-identity): clients of a UNIX socket are shown who called listen, which must not be
// root: the one who makes sockets does, and is nobody but the sandbox's own user.
LentAnswer SocketLender::listen(const PendingNotification& pending,
                                const std::vector<EndpointRule>& rules) {
  const auto copied = copy_target_fd(pending, static_cast<int>(pending.data().args[0]));
  if (!copied) return failed(copied.error());
  const auto before = read_local_endpoint(copied->borrow());
  if (!before) return {.error = errno_of(before.error())};
  const int backlog = static_cast<int>(pending.data().args[1]);
  if (before->is_internet) return listen_at_rule(copied->borrow(), *before, backlog, rules);
  if (!maker_) return {.error = ::listen(copied->get(), backlog) == 0 ? 0 : errno};
  const Status listened = maker_->listen(copied->borrow(), backlog);
  return listened ? LentAnswer{} : failed(listened.error());
}

Result<std::shared_ptr<SocketLender>> start_lender(const SandboxPlan& plan, BorrowedFd cgroup) {
  if (!plan.broker.sockets && !plan.broker.listens) return std::shared_ptr<SocketLender>();
  if (plan.mode != Mode::full) return std::make_shared<SocketLender>(std::nullopt);
  YETT_TRY(SocketMaker maker, SocketMaker::start(plan.identity, cgroup));
  return std::make_shared<SocketLender>(std::move(maker));
}

}  // namespace yett

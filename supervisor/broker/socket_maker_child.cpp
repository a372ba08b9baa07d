#include "supervisor/broker/socket_maker_child.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <span>

#include "ioctl_uapi/receive_fds.hpp"
#include "ioctl_uapi/send_fds.hpp"

namespace yett {
namespace {

constexpr int kRequests = 0;  // the one descriptor

// Raw calls: the C library's would look for other threads of the process we are a copy of.
bool become(uid_t uid, gid_t gid) {
  return ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
         ::syscall(SYS_setresgid, gid, gid, gid) == 0 &&
         ::syscall(SYS_setresuid, uid, uid, uid) == 0;
}

// SECURITY(lent-sockets): made under the sandbox's own uid, so that they share no port with a
// service of root's, and by a process that has nothing to lose.
bool give_up_everything(const SocketMakerInputs& inputs) {
  ::prctl(PR_SET_NAME, "yett-sockets", 0, 0, 0);
  if (::dup2(inputs.requests, kRequests) < 0) return false;
  if (::syscall(SYS_close_range, 1U, ~0U, 0U) != 0 || ::chdir("/") != 0) return false;
  if (!become(inputs.uid, inputs.gid)) return false;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  // After the change of ids, which clears it.
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && ::getppid() == inputs.parent;
}

int make_socket(SocketKind kind) {
  switch (kind) {
    case SocketKind::ipv4_stream:
      return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    case SocketKind::ipv4_datagram:
      return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    case SocketKind::ipv6_stream:
      return ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    case SocketKind::ipv6_datagram:
      return ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    case SocketKind::listening:
      break;
  }
  errno = EINVAL;
  return -1;
}

// For want of memory, or because the sandbox's user has too many descriptors on their way. Both are
// the sandbox's to bring about, and pass.
bool is_shortage(ChildResult result) {
  return result == ENOMEM || result == ENOBUFS || result == ETOOMANYREFS;
}

// A reply is waited for: one without a socket is better than none, and a late one too.
bool send_reply(SocketReply& reply, int made) {
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 10'000'000};
  ChildResult sent =
      send_with_fds(kRequests, &reply, sizeof reply, std::span(&made, made < 0 ? 0 : 1));
  while (is_shortage(sent)) {
    if (made < 0) ::nanosleep(&kPause, nullptr);
    made = -1;
    if (reply.error == 0) reply.error = ENOBUFS;
    sent = send_with_fds(kRequests, &reply, sizeof reply, {});
  }
  return sent == kDone;
}

bool serve(const SocketRequest& request, int passed) {
  SocketReply reply{.kind = request.kind};
  int made = -1;
  if (request.kind == SocketKind::listening) {
    if (::listen(passed, request.backlog) != 0) reply.error = errno;
  } else {
    made = make_socket(request.kind);
    if (made < 0) reply.error = errno;
  }
  // Before the reply: who is told shall find nothing here that keeps the socket open.
  if (passed >= 0) ::close(passed);
  const bool sent = send_reply(reply, made);
  if (made >= 0) ::close(made);
  return sent;
}

}  // namespace

void run_socket_maker_child(const SocketMakerInputs& inputs) {
  if (!give_up_everything(inputs)) ::_exit(1);
  for (;;) {
    SocketRequest request;
    int passed = -1;
    const ChildResult received =
        receive_frame(kRequests, &request, sizeof request, std::span(&passed, 1));
    if (received == EINTR) continue;
    if (received != kDone || !serve(request, passed)) ::_exit(0);
  }
}

}  // namespace yett

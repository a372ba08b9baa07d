#include "supervisor/broker/socket_maker_child.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
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
  }
  errno = EINVAL;
  return -1;
}

bool serve(const SocketRequest& request) {
  SocketReply reply{.kind = request.kind};
  const int made = make_socket(request.kind);
  if (made < 0) reply.error = errno;
  const ChildResult sent =
      send_with_fds(kRequests, &reply, sizeof reply, std::span(&made, made < 0 ? 0 : 1));
  if (made >= 0) ::close(made);
  return sent == kDone;
}

}  // namespace

void run_socket_maker_child(const SocketMakerInputs& inputs) {
  if (!give_up_everything(inputs)) ::_exit(1);
  for (;;) {
    SocketRequest request;
    const ChildResult received = receive_frame(kRequests, &request, sizeof request);
    if (received == EINTR) continue;
    if (received != kDone || !serve(request)) ::_exit(0);
  }
}

}  // namespace yett

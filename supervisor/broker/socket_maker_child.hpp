// The process that makes sockets for a sandbox, from within the sandbox's cgroup but outside all
// its namespaces: a socket belongs to the cgroup and to the network of whoever makes it, for good.
// So the cgroup's programs hold the rules on it in the kernel, whoever uses it and however.
// Reasons: docs/decisions/0025-lent-sockets.md.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace yett {

// What is asked for: streams are TCP, datagrams UDP. `listening` makes none, but listens at the
// socket that comes with the request: a UNIX socket keeps who called listen, and shows it to its
// clients.
enum class SocketKind : std::uint32_t {
  ipv4_stream,
  ipv4_datagram,
  ipv6_stream,
  ipv6_datagram,
  listening
};
inline constexpr std::size_t kSocketKinds = 5;

struct SocketRequest {
  SocketKind kind = SocketKind::ipv4_stream;
  std::int32_t backlog = 0;  // of `listening`
};
// In the order of the requests. What was made comes with it, unless `error` (errno) is set.
struct SocketReply {
  SocketKind kind = SocketKind::ipv4_stream;
  std::int32_t error = 0;
};

struct SocketMakerInputs {
  int requests = -1;  // SOCK_SEQPACKET; its other end's closing is the end
  int parent = 0;     // whose death is the end, too
  uid_t uid = 0;      // the sandbox's on the host: the sockets are its, not root's
  gid_t gid = 0;
};

// Runs in a fresh fork, and never returns. Keeps no descriptor but `requests`, and no privilege.
[[noreturn]] void run_socket_maker_child(const SocketMakerInputs& inputs);

}  // namespace yett

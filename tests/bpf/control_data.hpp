// Datagrams with control data or socket options that ask for more than a plain IP header, by an
// unprivileged process.
#pragma once

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace yett::test {

using OptionBytes = std::vector<std::uint8_t>;

// No operation, four times: options that the kernel gives anybody, where it keeps the source routes
// (which take the same way) to the privileged.
inline const OptionBytes kNoOperations{1, 1, 1, 1};

// A segment routing header (RFC 8754) by way of ::1 to ::1, which anybody may ask for.
inline OptionBytes segment_route() {
  OptionBytes header{0, 4, 4, 1, 1, 0, 0, 0};
  for (int segment = 0; segment < 2; ++segment) {
    header.insert(header.end(), 15, 0);
    header.push_back(1);
  }
  return header;
}

// False: this process cannot be unprivileged.
inline bool drop_privileges() {
  constexpr uid_t kNobody = 65534;
  return ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
         ::setresuid(kNobody, kNobody, kNobody) == 0;
}

// 0, or errno. All go to the loopback's `port`.
inline int send_with_control(int family, std::uint16_t port, int level, int type,
                             const OptionBytes& data, bool by_connect = false) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_port = htons(port);
  ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(port);
  ::inet_pton(AF_INET6, "::ffff:127.0.0.1", &ipv6.sin6_addr);
  iovec vector{.iov_base = const_cast<char*>("x"), .iov_len = 1};
  std::vector<std::uint64_t> control((CMSG_SPACE(data.size()) + 7) / 8);
  msghdr message{};
  message.msg_name = family == AF_INET ? static_cast<void*>(&ipv4) : static_cast<void*>(&ipv6);
  message.msg_namelen = family == AF_INET ? sizeof ipv4 : sizeof ipv6;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(data.size());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(data.size());
  std::memcpy(CMSG_DATA(header), data.data(), data.size());
  const int made = ::socket(family, SOCK_DGRAM, 0);
  if (by_connect) {
    if (::connect(made, static_cast<const sockaddr*>(message.msg_name), message.msg_namelen) != 0)
      return errno;
    message.msg_name = nullptr;
    message.msg_namelen = 0;
  }
  return ::sendmsg(made, &message, 0) == 1 ? 0 : errno;
}

// The same, with an option of the socket: kept, and put on each packet.
inline int send_with_option(int family, std::uint16_t port, int level, int option,
                            const OptionBytes& data) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_port = htons(port);
  ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(port);
  ipv6.sin6_addr = in6addr_loopback;
  const auto* to = family == AF_INET ? reinterpret_cast<const sockaddr*>(&ipv4)
                                     : reinterpret_cast<const sockaddr*>(&ipv6);
  const int made = ::socket(family, SOCK_DGRAM, 0);
  if (!data.empty() &&
      ::setsockopt(made, level, option, data.data(), static_cast<socklen_t>(data.size())) != 0)
    return EPROTO;
  return ::sendto(made, "x", 1, 0, to, family == AF_INET ? sizeof ipv4 : sizeof ipv6) == 1 ? 0
                                                                                           : errno;
}

}  // namespace yett::test

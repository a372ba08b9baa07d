// Where a socket is bound, and whether a rule speaks of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/policy/policy.hpp"

namespace yett {

struct LocalEndpoint {
  bool is_internet = false;  // else a UNIX socket, and nothing below counts
  bool is_tcp = false;       // else UDP
  bool is_ipv6 = false;
  std::array<std::uint8_t, 16> address{};  // IPv4: the first four
  std::uint16_t port = 0;                  // 0: not bound
  bool takes_ipv4 = false;                 // bound to :: and not to IPv6 alone

  // "tcp://127.0.0.1:80", "udp://[::1]:53".
  [[nodiscard]] std::string text() const;
};

// getsockname(2). An IPv4-mapped IPv6 address is IPv4. Errors: the kernel's own (ENOTSOCK).
[[nodiscard]] Result<LocalEndpoint> read_local_endpoint(BorrowedFd socket);

// A rule for addresses, as the cgroup programs understand it: IPv6 rules never speak of IPv4.
[[nodiscard]] bool covers(const EndpointRule& rule, const LocalEndpoint& local);

// What a socket that takes IPv4 as well is besides: 0.0.0.0 at the same port.
[[nodiscard]] LocalEndpoint ipv4_side(const LocalEndpoint& local);

}  // namespace yett

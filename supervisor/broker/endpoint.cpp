#include "supervisor/broker/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

namespace yett {
namespace {

Result<int> read_option(BorrowedFd socket, int option, int level = SOL_SOCKET) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket.get(), level, option, &value, &size) != 0)
    return fail(errno_error("getsockopt"));
  return value;
}

void set_ipv6(const in6_addr& address, LocalEndpoint& local) {
  local.is_ipv6 = !IN6_IS_ADDR_V4MAPPED(&address);
  const std::span<const std::uint8_t, 16> bytes(address.s6_addr);
  if (local.is_ipv6)
    std::ranges::copy(bytes, local.address.begin());
  else
    std::ranges::copy(bytes.last<4>(), local.address.begin());
}

bool same_prefix(const EndpointRule& rule, const LocalEndpoint& local) {
  for (unsigned bit = 0; bit < rule.prefix_length; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if ((rule.address[bit / 8] & mask) != (local.address[bit / 8] & mask)) return false;
  }
  return true;
}

}  // namespace

std::string LocalEndpoint::text() const {
  std::array<char, INET6_ADDRSTRLEN> shown{};
  ::inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address.data(), shown.data(), shown.size());
  const std::string host = is_ipv6 ? "[" + std::string(shown.data()) + "]" : shown.data();
  return (is_tcp ? "tcp://" : "udp://") + host + ":" + std::to_string(port);
}

Result<LocalEndpoint> read_local_endpoint(BorrowedFd socket) {
  YETT_TRY(const int family, read_option(socket, SO_DOMAIN));
  YETT_TRY(const int type, read_option(socket, SO_TYPE));
  LocalEndpoint local{.is_internet = family == AF_INET || family == AF_INET6,
                      .is_tcp = type == SOCK_STREAM};
  if (!local.is_internet) return local;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0)
    return fail(errno_error("getsockname"));
  if (family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &storage, sizeof address);
    std::memcpy(local.address.data(), &address.sin_addr, sizeof address.sin_addr);
    local.port = ntohs(address.sin_port);
    return local;
  }
  sockaddr_in6 address{};
  std::memcpy(&address, &storage, sizeof address);
  set_ipv6(address.sin6_addr, local);
  local.port = ntohs(address.sin6_port);
  YETT_TRY(const int only_ipv6, read_option(socket, IPV6_V6ONLY, IPPROTO_IPV6));
  local.takes_ipv4 = only_ipv6 == 0 && IN6_IS_ADDR_UNSPECIFIED(&address.sin6_addr);
  return local;
}

bool covers(const EndpointRule& rule, const LocalEndpoint& local) {
  if (rule.scheme != (local.is_tcp ? EndpointScheme::tcp : EndpointScheme::udp)) return false;
  if (local.port < rule.port_first || local.port > rule.port_last) return false;
  if (rule.host == "*") return true;
  return rule.is_literal && rule.is_ipv6 == local.is_ipv6 && same_prefix(rule, local);
}

LocalEndpoint ipv4_side(const LocalEndpoint& local) {
  return {.is_internet = true, .is_tcp = local.is_tcp, .port = local.port};
}

}  // namespace yett

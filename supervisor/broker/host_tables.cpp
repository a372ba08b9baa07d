#include "supervisor/broker/host_tables.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

namespace yett {
namespace {

constexpr std::size_t kMostServers = 3;
constexpr std::uint16_t kDnsPort = 53;

// The next line without its comment, and the text moved behind it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line.substr(0, line.find_first_of("#;"));
}

// Empty: none is left.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

std::optional<DnsAddress> parse_address(std::string_view word) {
  const std::string text(word);
  DnsAddress address{.ttl = kHostsTtl};
  if (::inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) return address;
  address.is_ipv6 = true;
  if (::inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

NameServer server_at(const DnsAddress& address) {
  NameServer server;
  if (address.is_ipv6) {
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(kDnsPort);
    std::memcpy(&ipv6.sin6_addr, address.bytes.data(), sizeof ipv6.sin6_addr);
    std::memcpy(&server.address, &ipv6, sizeof ipv6);
    server.size = sizeof ipv6;
  } else {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(kDnsPort);
    std::memcpy(&ipv4.sin_addr, address.bytes.data(), sizeof ipv4.sin_addr);
    std::memcpy(&server.address, &ipv4, sizeof ipv4);
    server.size = sizeof ipv4;
  }
  return server;
}

bool is_unspecified(const DnsAddress& address) {
  return std::ranges::all_of(address.bytes, [](std::uint8_t byte) { return byte == 0; });
}

void add_once(const DnsAddress& address, std::optional<std::vector<DnsAddress>>& found) {
  if (!found) found.emplace();
  if (!is_unspecified(address) && std::ranges::find(*found, address) == found->end())
    found->push_back(address);
}

bool is_ipv4_of_the_world(const std::uint8_t* bytes) {
  const bool link_local = bytes[0] == 169 && bytes[1] == 254;
  return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224 && !link_local;
}

// Of addresses that lead to an IPv4 address by a gateway: NAT64's (RFC 6052) and 6to4's (RFC 3056).
const std::uint8_t* embedded_ipv4(const std::array<std::uint8_t, 16>& bytes) {
  constexpr std::array<std::uint8_t, 12> kNat64{0, 0x64, 0xff, 0x9b};
  if (std::ranges::equal(kNat64, std::span(bytes).first<12>())) return &bytes[12];
  return bytes[0] == 0x20 && bytes[1] == 0x02 ? &bytes[2] : nullptr;
}

}  // namespace

std::optional<std::vector<DnsAddress>> find_in_hosts(std::string_view hosts,
                                                     std::string_view name) {
  std::optional<std::vector<DnsAddress>> found;
  while (!hosts.empty()) {
    std::string_view line = take_line(hosts);
    const auto address = parse_address(take_word(line));
    if (!address) continue;
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line))
      if (normal_dns_name(word) == name) add_once(*address, found);
  }
  return found;
}

std::vector<NameServer> parse_name_servers(std::string_view resolv_conf) {
  std::vector<NameServer> servers;
  while (!resolv_conf.empty() && servers.size() < kMostServers) {
    std::string_view line = take_line(resolv_conf);
    if (take_word(line) != "nameserver") continue;
    if (const auto address = parse_address(take_word(line))) servers.push_back(server_at(*address));
  }
  if (servers.empty()) servers.push_back(server_at({.bytes = {127, 0, 0, 1}}));
  return servers;
}

bool may_come_from_dns(const DnsAddress& address) {
  const auto& bytes = address.bytes;
  if (!address.is_ipv6) return is_ipv4_of_the_world(bytes.data());
  in6_addr ipv6{};
  std::memcpy(&ipv6, bytes.data(), sizeof ipv6);
  const std::uint8_t* embedded = embedded_ipv4(bytes);
  if (embedded != nullptr && !is_ipv4_of_the_world(embedded)) return false;
  return !IN6_IS_ADDR_UNSPECIFIED(&ipv6) && !IN6_IS_ADDR_LOOPBACK(&ipv6) &&
         !IN6_IS_ADDR_LINKLOCAL(&ipv6) && !IN6_IS_ADDR_MULTICAST(&ipv6) &&
         !IN6_IS_ADDR_V4MAPPED(&ipv6) && !IN6_IS_ADDR_V4COMPAT(&ipv6);
}

}  // namespace yett

// The host's own files about names: /etc/hosts and /etc/resolv.conf, as texts. Pure.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string_view>
#include <vector>

#include "supervisor/broker/dns_message.hpp"

namespace yett {

// Seconds for which an address of /etc/hosts is told: that file may be changed at any time.
inline constexpr std::uint32_t kHostsTtl = 60;

// Nothing: `name` (lower case) is not in it. An address of 0.0.0.0 or :: is none, but blocks the
// name: connecting there would reach the host's own loopback.
[[nodiscard]] std::optional<std::vector<DnsAddress>> find_in_hosts(std::string_view hosts,
                                                                   std::string_view name);

struct NameServer {
  sockaddr_storage address{};
  socklen_t size = 0;
};
// The first three, as resolv.conf(5) has it; none named: the loopback's.
[[nodiscard]] std::vector<NameServer> parse_name_servers(std::string_view resolv_conf);

// Addresses that a name server of strangers may give out. The host's own, its neighbours on the
// link and groups are not among them: a name of a rule must not become a way to them.
[[nodiscard]] bool may_come_from_dns(const DnsAddress& address);

}  // namespace yett

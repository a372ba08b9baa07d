// DNS messages (RFC 1035, 3596) as far as looking up the addresses of a name goes. Pure. Everything
// that is read comes from strangers: names are walked with a bound, lengths are checked, and what
// does not fit is no message.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yett {

using DnsBytes = std::span<const std::uint8_t>;

inline constexpr std::uint16_t kDnsA = 1;
inline constexpr std::uint16_t kDnsAaaa = 28;
inline constexpr std::size_t kLargestDnsMessage = 1232;  // what passes everywhere in one datagram

enum class DnsCode : std::uint8_t {
  no_error = 0,
  bad_format = 1,
  server_failure = 2,
  no_such_name = 3,
  not_implemented = 4
};

struct DnsQuery {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  std::string name;  // lower case, without the last dot: letters, digits, '-', '_', '.'
  std::uint16_t type = 0;
};

struct DnsAddress {
  bool is_ipv6 = false;
  std::array<std::uint8_t, 16> bytes{};  // IPv4: the first four
  std::uint32_t ttl = 0;                 // seconds
  bool operator==(const DnsAddress&) const = default;
};

struct DnsAnswer {
  DnsCode code = DnsCode::no_error;
  std::vector<DnsAddress> addresses;
};

// Lower case, without a dot at the end.
[[nodiscard]] std::string normal_dns_name(std::string_view name);

// Nothing: no query of one name in class IN.
[[nodiscard]] std::optional<DnsQuery> parse_dns_query(DnsBytes message);
// Recursion is asked for. The name is a host's: labels of at most 63 bytes, 253 together.
[[nodiscard]] std::vector<std::uint8_t> make_dns_query(const DnsQuery& query);

// Addresses of another family than was asked for are left out.
[[nodiscard]] std::vector<std::uint8_t> make_dns_answer(const DnsQuery& query,
                                                        const DnsAnswer& answer);
// Nothing: no answer to this very query. Aliases are followed within the message; an address lives
// no longer than the aliases that lead to it.
[[nodiscard]] std::optional<DnsAnswer> parse_dns_answer(DnsBytes message, const DnsQuery& query);

}  // namespace yett

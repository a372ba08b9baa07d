// Endpoint rules: "tcp://10.0.0.0/8:443", "udp://[::1]:53", "tcp://*:8000-8010", "unix:///run/s".
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kMaxPort = 65535;
constexpr const char* kForms =
    "write tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH; HOST is an address, ADDRESS/BITS, a "
    "name or *";

Error bad_endpoint(std::string_view text, std::string detail, std::string mend = kForms) {
  return request_error("endpoint '" + escape_for_terminal(text) + "'", std::move(detail),
                       std::move(mend));
}

bool parse_ports(std::string_view text, EndpointRule& rule) {
  if (text == "*") {
    rule.port_first = 0;
    rule.port_last = kMaxPort;
    return true;
  }
  const std::size_t dash = text.find('-');
  const auto first = parse_decimal(text.substr(0, dash), kMaxPort);
  const auto last =
      dash == std::string_view::npos ? first : parse_decimal(text.substr(dash + 1), kMaxPort);
  if (!first || !last || *first == 0 || *first > *last) return false;
  rule.port_first = static_cast<std::uint16_t>(*first);
  rule.port_last = static_cast<std::uint16_t>(*last);
  return true;
}

bool is_host_name(std::string_view host) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  };
  // The last label of a name is never a number (RFC 1123): "10.0.0" is a mistake, not a name.
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.' &&
         std::ranges::all_of(host, fits) && !last.empty() && !(last[0] >= '0' && last[0] <= '9');
}

// Are all bits of the address beyond the prefix zero?
bool prefix_covers(const EndpointRule& rule, unsigned bits) {
  for (unsigned bit = rule.prefix_length; bit < bits; ++bit)
    if ((rule.address[bit / 8] & (0x80U >> (bit % 8))) != 0) return false;
  return true;
}

Status parse_address(std::string_view text, std::string_view whole, EndpointRule& rule) {
  const std::size_t slash = text.find('/');
  const unsigned bits = rule.is_ipv6 ? 128 : 32;
  const std::string address(text.substr(0, slash));
  if (::inet_pton(rule.is_ipv6 ? AF_INET6 : AF_INET, address.c_str(), rule.address.data()) != 1)
    return fail(bad_endpoint(whole, "'" + escape_for_terminal(address) + "' is no IP address"));
  std::uint64_t prefix = bits;
  if (slash != std::string_view::npos) {
    const auto written = parse_decimal(text.substr(slash + 1), bits);
    if (!written)
      return fail(bad_endpoint(whole, "the prefix length must be 0 to " + std::to_string(bits)));
    prefix = *written;
  }
  rule.host = address;
  rule.is_literal = true;
  rule.prefix_length = static_cast<std::uint8_t>(prefix);
  if (!prefix_covers(rule, bits))
    return fail(bad_endpoint(whole, "the address has bits beyond its prefix",
                             "write the network's first address, or /" + std::to_string(bits)));
  return {};
}

Status parse_host(std::string_view host, std::string_view whole, EndpointRule& rule) {
  if (host == "*") {
    rule.host = "*";
    return {};
  }
  const bool numeric = host.find_first_not_of("0123456789./") == std::string_view::npos;
  if (numeric) return parse_address(host, whole, rule);
  if (!is_host_name(host))
    return fail(bad_endpoint(whole, "'" + escape_for_terminal(host) + "' is no host"));
  rule.host = host;
  return {};
}

// "[2001:db8::]/32:443": the brackets enclose the address alone.
Status parse_ipv6(std::string_view text, std::string_view whole, EndpointRule& rule) {
  const std::size_t close = text.find(']');
  const std::size_t colon = text.find(':', close == std::string_view::npos ? 0 : close);
  if (close == std::string_view::npos || colon == std::string_view::npos)
    return fail(bad_endpoint(whole, "an IPv6 address is written [ADDRESS]:PORT"));
  rule.is_ipv6 = true;
  const std::string address = std::string(text.substr(1, close - 1)) +
                              std::string(text.substr(close + 1, colon - close - 1));
  YETT_CHECK(parse_address(address, whole, rule));
  if (parse_ports(text.substr(colon + 1), rule)) return {};
  return fail(bad_endpoint(whole, "the port must be 1 to 65535, FIRST-LAST or *"));
}

Status parse_host_and_port(std::string_view text, std::string_view whole, EndpointRule& rule) {
  if (text.starts_with('[')) return parse_ipv6(text, whole, rule);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(bad_endpoint(whole, "the port is missing"));
  if (text.find(':') != colon)
    return fail(bad_endpoint(whole, "an IPv6 address is written [ADDRESS]:PORT"));
  YETT_CHECK(parse_host(text.substr(0, colon), whole, rule));
  if (parse_ports(text.substr(colon + 1), rule)) return {};
  return fail(bad_endpoint(whole, "the port must be 1 to 65535, FIRST-LAST or *"));
}

Status parse_unix(std::string_view path, std::string_view whole, EndpointRule& rule) {
  rule.scheme = EndpointScheme::unix_path;
  auto normal = normalise_path(path);
  if (!normal) return fail(bad_endpoint(whole, normal.error()));
  constexpr std::size_t kMaxSunPath = 107;
  if (normal->size() > kMaxSunPath)
    return fail(bad_endpoint(whole, "a socket's path has at most 107 bytes"));
  rule.path = std::move(*normal);
  return {};
}

}  // namespace

Result<EndpointRule> parse_endpoint(std::string_view text) {
  EndpointRule rule;
  rule.text = text;
  const std::size_t separator = text.find("://");
  if (separator == std::string_view::npos) return fail(bad_endpoint(text, "the scheme is missing"));
  const std::string_view scheme = text.substr(0, separator);
  const std::string_view rest = text.substr(separator + 3);
  if (scheme == "unix") {
    YETT_CHECK(parse_unix(rest, text, rule));
    return rule;
  }
  if (scheme != "tcp" && scheme != "udp")
    return fail(bad_endpoint(text, "the scheme must be tcp, udp or unix"));
  rule.scheme = scheme == "tcp" ? EndpointScheme::tcp : EndpointScheme::udp;
  YETT_CHECK(parse_host_and_port(rest, text, rule));
  return rule;
}

}  // namespace yett

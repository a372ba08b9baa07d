// Network rules folded into one entry for each prefix, looked up as the kernel does.
#include "supervisor/lsm/endpoint_table.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

namespace yett {
namespace {

EndpointRule rule(const std::string& host, unsigned prefix, std::uint16_t first, std::uint16_t last,
                  EndpointScheme scheme = EndpointScheme::tcp) {
  EndpointRule result;
  result.scheme = scheme;
  result.host = host;
  result.is_ipv6 = host.find(':') != std::string::npos;
  result.is_literal =
      ::inet_pton(result.is_ipv6 ? AF_INET6 : AF_INET, host.c_str(), result.address.data()) == 1;
  result.prefix_length = static_cast<std::uint8_t>(prefix);
  result.port_first = first;
  result.port_last = last;
  return result;
}

using Table = std::vector<EndpointEntry>;

Table table_of(const std::vector<EndpointRule>& connect,
               const std::vector<EndpointRule>& listen = {}) {
  const auto table = make_endpoint_table(7, connect, listen);
  EXPECT_TRUE(table) << table.error().message();
  return table.value_or(Table{});
}

bool matches(const yett_endpoint_key& key, const std::uint8_t (&address)[16]) {
  for (std::uint32_t bit = 0; bit + YETT_ENDPOINT_FIXED_BITS < key.prefix_length; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    if ((key.address[bit / 8] & mask) != (address[bit / 8] & mask)) return false;
  }
  return true;
}

// The longest prefix answers, alone.
bool allows(const Table& table, const std::string& host, std::uint16_t port,
            std::uint8_t protocol = IPPROTO_TCP, std::uint8_t direction = YETT_CONNECT) {
  std::uint8_t address[16]{};
  const bool ipv6 = host.find(':') != std::string::npos;
  if (!ipv6) address[10] = address[11] = 0xff;
  ::inet_pton(ipv6 ? AF_INET6 : AF_INET, host.c_str(), ipv6 ? address : address + 12);
  const EndpointEntry* best = nullptr;
  for (const EndpointEntry& entry : table) {
    if (entry.first.protocol != protocol || entry.first.direction != direction) continue;
    if (!matches(entry.first, address)) continue;
    if (best == nullptr || entry.first.prefix_length > best->first.prefix_length) best = &entry;
  }
  if (best == nullptr) return false;
  for (std::uint32_t i = 0; i < best->second.count; ++i)
    if (port >= best->second.ranges[i].first && port <= best->second.ranges[i].last) return true;
  return false;
}

TEST(EndpointTable, NoRulesGiveNoEntries) { EXPECT_TRUE(table_of({}).empty()); }

TEST(EndpointTable, APrefixAllowsItsAddressesAndPorts) {
  const Table table = table_of({rule("10.0.0.0", 8, 443, 443)});
  EXPECT_TRUE(allows(table, "10.1.2.3", 443));
  EXPECT_FALSE(allows(table, "10.1.2.3", 444));
  EXPECT_FALSE(allows(table, "11.0.0.0", 443));
  EXPECT_FALSE(allows(table, "10.1.2.3", 443, IPPROTO_UDP));
  EXPECT_FALSE(allows(table, "10.1.2.3", 443, IPPROTO_TCP, YETT_LISTEN));
}

TEST(EndpointTable, ALongerPrefixKeepsWhatAShorterOneAllows) {
  const Table table = table_of(
      {rule("10.0.0.0", 8, 443, 443), rule("10.1.0.0", 16, 80, 80), rule("10.1.2.3", 32, 22, 22)});
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{443, 80, 22})
    EXPECT_TRUE(allows(table, "10.1.2.3", port)) << port;
  EXPECT_FALSE(allows(table, "10.1.2.4", 22));
  EXPECT_FALSE(allows(table, "10.2.0.0", 80));
}

TEST(EndpointTable, AStarIsBothFamiliesAndALiteralIsOne) {
  EndpointRule any = rule("*", 0, 53, 53, EndpointScheme::udp);
  const Table star = table_of({any});
  EXPECT_TRUE(allows(star, "8.8.8.8", 53, IPPROTO_UDP));
  EXPECT_TRUE(allows(star, "2001:db8::1", 53, IPPROTO_UDP));
  const Table ipv6 = table_of({rule("::", 0, 53, 53)});
  EXPECT_TRUE(allows(ipv6, "2001:db8::1", 53));
  EXPECT_FALSE(allows(ipv6, "8.8.8.8", 53));
  const Table ipv4 = table_of({rule("0.0.0.0", 0, 53, 53)});
  EXPECT_TRUE(allows(ipv4, "8.8.8.8", 53));
  EXPECT_FALSE(allows(ipv4, "2001:db8::1", 53));
}

TEST(EndpointTable, HostBitsOfAPrefixAreDropped) {
  const Table table = table_of({rule("10.9.8.7", 8, 1, 1)});
  EXPECT_TRUE(allows(table, "10.0.0.1", 1));
}

TEST(EndpointTable, AdjacentPortsJoin) {
  std::vector<EndpointRule> rules;
  for (std::uint16_t port = 100; port < 200; ++port)
    rules.push_back(rule("10.0.0.1", 32, port, port));
  const Table table = table_of(rules);
  EXPECT_TRUE(allows(table, "10.0.0.1", 150));
  EXPECT_FALSE(allows(table, "10.0.0.1", 200));
}

// low-ports: the first range that holds tells whether the port was named.
TEST(EndpointTable, TheRuleForAllPortsComesLastWhereItIsAboutListening) {
  const std::vector<EndpointRule> rules{rule("*", 0, 0, 65535), rule("*", 0, 80, 80),
                                        rule("*", 0, 81, 90)};
  const Table table = table_of(rules, rules);
  const auto first_range = [&](std::uint8_t direction) {
    const auto entry = std::ranges::find_if(
        table, [&](const EndpointEntry& each) { return each.first.direction == direction; });
    return entry == table.end() ? yett_port_range{} : entry->second.ranges[0];
  };
  EXPECT_EQ(first_range(YETT_LISTEN).first, 80);
  EXPECT_EQ(first_range(YETT_LISTEN).last, 90);
  EXPECT_EQ(first_range(YETT_CONNECT).first, 0);
  EXPECT_TRUE(allows(table, "10.0.0.1", 5000, IPPROTO_TCP, YETT_LISTEN));
}

TEST(EndpointTable, TooManyPortsAreAnErrorThatNamesTheRule) {
  std::vector<EndpointRule> rules;
  for (std::uint16_t port = 0; port < 17; ++port)
    rules.push_back(rule("10.0.0.1", 32, static_cast<std::uint16_t>(port * 2),
                         static_cast<std::uint16_t>(port * 2)));
  rules.back().text = "tcp://10.0.0.1:32";
  const auto table = make_endpoint_table(7, rules, {});
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().kind, ErrorKind::invalid_request);
  EXPECT_NE(table.error().message().find("tcp://10.0.0.1:32"), std::string::npos);
  rules.pop_back();
  EXPECT_TRUE(make_endpoint_table(7, rules, {}));
}

TEST(EndpointTable, HostNamesAreAnError) {
  EXPECT_FALSE(make_endpoint_table(7, {rule("api.example.com", 0, 443, 443)}, {}));
}

TEST(EndpointTable, UnixSocketsAreTheMountTreesBusiness) {
  EndpointRule socket;
  socket.scheme = EndpointScheme::unix_path;
  socket.path = "/run/db.sock";
  EXPECT_TRUE(table_of({socket}).empty());
}

}  // namespace
}  // namespace yett

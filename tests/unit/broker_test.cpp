// Names: messages, the host's tables, and what is bound for how long.
#include <gtest/gtest.h>

#include "sandbox/policy/parse_policy.hpp"
#include "supervisor/broker/dns_message.hpp"
#include "supervisor/broker/host_route.hpp"
#include "supervisor/broker/host_tables.hpp"
#include "supervisor/broker/name_bindings.hpp"

namespace yett::test {
namespace {

using namespace std::chrono_literals;

const DnsQuery kQuestion{
    .id = 0x1234, .recursion_desired = true, .name = "api.example.com", .type = kDnsA};

DnsAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                std::uint32_t ttl = 300) {
  return {.bytes = {a, b, c, d}, .ttl = ttl};
}

EndpointRule rule(const char* text) { return *parse_endpoint(text); }

// ---- messages -----------------------------------------------------------------------------------

TEST(DnsMessage, AQuestionIsReadAsItWasWritten) {
  const auto read = parse_dns_query(make_dns_query(kQuestion));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, kQuestion.id);
  EXPECT_EQ(read->name, kQuestion.name);
  EXPECT_EQ(read->type, kDnsA);
  EXPECT_TRUE(read->recursion_desired);
}

TEST(DnsMessage, AnAnswerIsReadAsItWasWritten) {
  const DnsAnswer answer{.addresses = {ipv4(192, 0, 2, 1), ipv4(192, 0, 2, 2, 60)}};
  const auto read = parse_dns_answer(make_dns_answer(kQuestion, answer), kQuestion);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->code, DnsCode::no_error);
  EXPECT_EQ(read->addresses, answer.addresses);
  EXPECT_FALSE(parse_dns_query(make_dns_answer(kQuestion, answer)));
}

TEST(DnsMessage, AnotherQuestionsAnswerIsNone) {
  const auto message = make_dns_answer(kQuestion, {.addresses = {ipv4(192, 0, 2, 1)}});
  DnsQuery other = kQuestion;
  other.id = 1;
  EXPECT_FALSE(parse_dns_answer(message, other));
  other = kQuestion;
  other.name = "api.example.org";
  EXPECT_FALSE(parse_dns_answer(message, other));
  other = kQuestion;
  other.type = kDnsAaaa;
  EXPECT_FALSE(parse_dns_answer(message, other));
  EXPECT_FALSE(parse_dns_answer(make_dns_query(kQuestion), kQuestion));
}

// An alias of another owner leads nowhere; the chain's shortest life is the address's.
TEST(DnsMessage, AliasesAreFollowed) {
  auto message = make_dns_query(kQuestion);
  message[2] |= 0x80;
  message[7] = 3;
  const auto add = [&](std::initializer_list<int> bytes) {
    for (const int byte : bytes) message.push_back(static_cast<std::uint8_t>(byte));
  };
  add({0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 20, 0, 4, 1, 'x', 0xC0, 16});  // -> x.example.com
  add({1, 'x', 0xC0, 16, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 7});
  add({1, 'y', 0xC0, 16, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 8});
  const auto read = parse_dns_answer(message, kQuestion);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->addresses.size(), 1U);
  EXPECT_EQ(read->addresses[0], ipv4(192, 0, 2, 7, 20));
}

// SECURITY(names-of-rules): whatever comes, no byte outside is read and nothing runs for ever.
TEST(DnsMessage, BrokenOnesAreNone) {
  const auto whole = make_dns_answer(kQuestion, {.addresses = {ipv4(192, 0, 2, 1)}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const DnsBytes cut(whole.data(), size);
    const auto read = parse_dns_answer(cut, kQuestion);
    EXPECT_TRUE(!read || read->addresses.empty()) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int value : {0x00, 0x3F, 0x40, 0xC0, 0xFF}) {
      auto changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      static_cast<void>(parse_dns_answer(changed, kQuestion));
      static_cast<void>(parse_dns_query(changed));
    }
  auto loop = make_dns_query(kQuestion);
  loop[12] = 0xC0;
  loop[13] = 12;
  EXPECT_FALSE(parse_dns_query(loop));
}

TEST(DnsMessage, OddNamesAreNone) {
  for (const char odd : {'\0', ' ', '/', '\n', '\x80'}) {
    auto message = make_dns_query(kQuestion);
    message[13] = static_cast<std::uint8_t>(odd);
    EXPECT_FALSE(parse_dns_query(message));
  }
}

// ---- the host's tables --------------------------------------------------------------------------

TEST(DnsHosts, NamesAndAliasesInAnyCase) {
  constexpr std::string_view kHosts =
      "# comment\n127.0.0.1\tlocalhost\n"
      "192.0.2.5  db.example Db2.Example. # 9.9.9.9 other\n::1 db.example\nbroken db.example\n";
  EXPECT_EQ(find_in_hosts(kHosts, "db.example")->size(), 2U);
  EXPECT_EQ(find_in_hosts(kHosts, "db2.example"),
            std::vector<DnsAddress>{ipv4(192, 0, 2, 5, kHostsTtl)});
  EXPECT_FALSE(find_in_hosts(kHosts, "other"));
  EXPECT_FALSE(find_in_hosts(kHosts, ""));
}

// SECURITY(names-bound): 0.0.0.0 is the host's loopback to connect(2).
TEST(DnsHosts, ABlockedNameHasNoAddressAndIsNotAskedFor) {
  constexpr std::string_view kHosts = "0.0.0.0 ads.example\n:: ads.example\n192.0.2.5 x.example\n";
  const auto blocked = find_in_hosts(kHosts, "ads.example");
  ASSERT_TRUE(blocked);
  EXPECT_TRUE(blocked->empty());
  EXPECT_EQ(find_in_hosts(kHosts, "x.example")->size(), 1U);
}

TEST(DnsHosts, NameServers) {
  EXPECT_EQ(parse_name_servers("search x\nnameserver 192.0.2.1\nnameserver ::1\n").size(), 2U);
  EXPECT_EQ(parse_name_servers("nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\n"
                               "nameserver 1.1.1.4\n")
                .size(),
            3U);
  EXPECT_EQ(parse_name_servers("").size(), 1U);
}

// SECURITY(names-bound): a name server's word is no way to the host or its link.
TEST(DnsHosts, WhatANameServerMaySay) {
  EXPECT_TRUE(may_come_from_dns(ipv4(10, 0, 0, 1)));
  EXPECT_TRUE(may_come_from_dns(ipv4(192, 0, 2, 1)));
  for (const auto& address : {ipv4(127, 0, 0, 1), ipv4(0, 0, 0, 0), ipv4(169, 254, 169, 254),
                              ipv4(224, 0, 0, 1), ipv4(255, 255, 255, 255)})
    EXPECT_FALSE(may_come_from_dns(address));
  DnsAddress ipv6{.is_ipv6 = true};
  EXPECT_FALSE(may_come_from_dns(ipv6));
  ipv6.bytes[15] = 1;
  EXPECT_FALSE(may_come_from_dns(ipv6));
  ipv6.bytes = {0x20, 1, 0x0d, 0xb8};
  EXPECT_TRUE(may_come_from_dns(ipv6));
  ipv6.bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  EXPECT_FALSE(may_come_from_dns(ipv6));
  ipv6.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  EXPECT_FALSE(may_come_from_dns(ipv6));
  // By a gateway: NAT64 and 6to4.
  ipv6.bytes = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1};
  EXPECT_FALSE(may_come_from_dns(ipv6));
  ipv6.bytes[12] = 192;
  EXPECT_TRUE(may_come_from_dns(ipv6));
  ipv6.bytes = {0x20, 2, 169, 254, 169, 254};
  EXPECT_FALSE(may_come_from_dns(ipv6));
  ipv6.bytes = {0x20, 2, 192, 0, 2, 1};
  EXPECT_TRUE(may_come_from_dns(ipv6));
}

TEST(DnsHosts, TheHostsOwnAddressesAreKnown) {
  EXPECT_TRUE(is_of_this_host(ipv4(127, 0, 0, 1)));
  EXPECT_TRUE(is_of_this_host(ipv4(127, 99, 0, 1)));
  EXPECT_FALSE(is_of_this_host(ipv4(192, 0, 2, 1)));  // for documentation: nobody's
  EXPECT_FALSE(is_of_this_host({.is_ipv6 = true, .bytes = {0x20, 1, 0x0d, 0xb8, 1}}));
}

// ---- bindings -----------------------------------------------------------------------------------

TEST(DnsBindings, AnAddressHoldsWhileItIsFresh) {
  NameBindings bindings({rule("tcp://API.example.com:443"), rule("udp://api.example.com:53"),
                         rule("tcp://db.example:5432")});
  EXPECT_TRUE(bindings.is_known("api.example.com"));
  EXPECT_FALSE(bindings.is_known("example.com"));
  EXPECT_TRUE(bindings.rules().empty());
  const NameBindings::Clock::time_point start{};
  const auto bound =
      bindings.bind("api.example.com", {ipv4(192, 0, 2, 1, 100)}, start, ToldBy::name_server);
  EXPECT_EQ(bound.addresses.size(), 1U);
  EXPECT_TRUE(bound.changes_rules);
  EXPECT_FALSE(
      bindings.bind("api.example.com", {ipv4(192, 0, 2, 1, 100)}, start, ToldBy::name_server)
          .changes_rules);
  const auto rules = bindings.rules();
  ASSERT_EQ(rules.size(), 2U);  // both of its rules, and not the other name's
  EXPECT_TRUE(rules[0].is_literal);
  EXPECT_EQ(rules[0].prefix_length, 32);
  EXPECT_EQ(rules[0].port_first, 443);
  EXPECT_FALSE(bindings.expire(start + 129s));
  EXPECT_TRUE(bindings.expire(start + 130s));
  EXPECT_TRUE(bindings.rules().empty());
}

TEST(DnsBindings, ShortLivesAreLengthenedLongOnesCut) {
  NameBindings bindings({rule("tcp://a.example:1")});
  const NameBindings::Clock::time_point start{};
  static_cast<void>(
      bindings.bind("a.example", {ipv4(192, 0, 2, 1, 0)}, start, ToldBy::name_server));
  EXPECT_EQ(*bindings.next_expiry(), start + 90s);
  static_cast<void>(
      bindings.bind("a.example", {ipv4(192, 0, 2, 1, UINT32_MAX)}, start, ToldBy::name_server));
  EXPECT_EQ(*bindings.next_expiry(), start + 24h + 30s);
}

TEST(DnsBindings, WhatHasBecomeTheHostsIsForgotten) {
  NameBindings bindings({rule("tcp://a.example:1"), rule("tcp://b.example:1")});
  const NameBindings::Clock::time_point start{};
  static_cast<void>(bindings.bind("a.example", {ipv4(192, 0, 2, 1), ipv4(192, 0, 2, 2)}, start,
                                  ToldBy::name_server));
  static_cast<void>(bindings.bind("b.example", {ipv4(192, 0, 2, 1)}, start, ToldBy::hosts_file));
  const auto is_first = [](const DnsAddress& each) { return each.bytes[3] == 1; };
  EXPECT_TRUE(bindings.forget(is_first));
  EXPECT_FALSE(bindings.forget(is_first));
  ASSERT_EQ(bindings.rules().size(), 2U);  // the host's own word stays
  EXPECT_EQ(bindings.rules()[0].address[3], 2);
  EXPECT_EQ(bindings.rules()[1].address[3], 1);
}

TEST(DnsBindings, AreBounded) {
  NameBindings bindings({rule("tcp://a.example:1")});
  const NameBindings::Clock::time_point start{};
  std::vector<DnsAddress> many;
  for (std::size_t i = 0; i < NameBindings::kMost + 10; ++i)
    many.push_back(ipv4(10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)));
  EXPECT_EQ(bindings.bind("a.example", many, start, ToldBy::name_server).addresses.size(),
            NameBindings::kMost);
  EXPECT_EQ(bindings.rules().size(), NameBindings::kMost);
}

}  // namespace
}  // namespace yett::test

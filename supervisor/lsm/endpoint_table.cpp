#include "supervisor/lsm/endpoint_table.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <span>

namespace yett {
namespace {

using Address = std::array<std::uint8_t, 16>;

// A set of addresses in IPv6 space; IPv4 is ::ffff:0:0/96.
struct Prefix {
  Address address{};
  unsigned bits = 0;
  auto operator<=>(const Prefix&) const = default;
};

constexpr unsigned kIpv4Base = 96;

constexpr Prefix ipv4_space() {
  Prefix prefix{.bits = kIpv4Base};
  prefix.address[10] = 0xff;
  prefix.address[11] = 0xff;
  return prefix;
}

// The bits of byte `index` that belong to a prefix of so many bits.
std::uint8_t mask_of(unsigned bits, unsigned index) {
  const unsigned kept = std::clamp(static_cast<int>(bits) - static_cast<int>(8 * index), 0, 8);
  return static_cast<std::uint8_t>(0xff00U >> kept);
}

Address masked(const Address& address, unsigned bits) {
  Address result{};
  for (unsigned i = 0; i < result.size(); ++i)
    result[i] = static_cast<std::uint8_t>(address[i] & mask_of(bits, i));
  return result;
}

// What lies beyond a prefix is 0 in its address.
bool contains(const Prefix& outer, const Prefix& inner) {
  if (outer.bits > inner.bits) return false;
  const unsigned whole = outer.bits / 8;
  if (!std::equal(outer.address.begin(), outer.address.begin() + whole, inner.address.begin()))
    return false;
  return whole == outer.address.size() ||
         (inner.address[whole] & mask_of(outer.bits, whole)) == outer.address[whole];
}

bool is_any_host(const EndpointRule& rule) { return rule.host == "*"; }

Prefix prefix_of(const EndpointRule& rule) {
  if (is_any_host(rule)) return {};
  if (rule.is_ipv6) return {masked(rule.address, rule.prefix_length), rule.prefix_length};
  Prefix prefix = ipv4_space();
  std::copy_n(rule.address.begin(), 4, prefix.address.begin() + 12);
  prefix.bits = kIpv4Base + rule.prefix_length;
  prefix.address = masked(prefix.address, prefix.bits);
  return prefix;
}

// Overlapping and adjacent ranges become one.
std::vector<yett_port_range> merge_ranges(std::vector<yett_port_range> ranges) {
  std::ranges::sort(ranges, {}, &yett_port_range::first);
  std::vector<yett_port_range> merged;
  for (const yett_port_range& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1U)
      merged.back().last = std::max(merged.back().last, range.last);
    else
      merged.push_back(range);
  }
  return merged;
}

// To listen at ports below 1024 they must be named, and the first range that holds decides: the one
// for all ports stays beside the others and comes last.
std::vector<yett_port_range> join_ranges(std::vector<yett_port_range> ranges,
                                         std::uint8_t direction) {
  if (direction != YETT_LISTEN) return merge_ranges(std::move(ranges));
  const auto all = std::ranges::stable_partition(
      ranges, [](const yett_port_range& range) { return range.first > 0; });
  std::vector<yett_port_range> joined = merge_ranges({ranges.begin(), all.begin()});
  std::ranges::copy(merge_ranges({all.begin(), all.end()}), std::back_inserter(joined));
  return joined;
}

struct Group {
  std::uint32_t policy;
  std::uint8_t direction;
  std::uint8_t protocol;
  std::uint8_t set;
  std::vector<const EndpointRule*> rules;
};

struct RuleAt {
  Prefix prefix;
  const EndpointRule* rule = nullptr;  // null: none, an entry is made nonetheless
};
using RulesThere = std::span<const RuleAt>;  // of one prefix

// An IPv6 rule never speaks of IPv4 addresses, though its prefix may cover their place.
bool applies(const EndpointRule& rule, bool to_ipv4) {
  return is_any_host(rule) || rule.is_ipv6 != to_ipv4;
}

// `above`: the prefixes that hold that of `node`, itself included. `ranges` is room to work in.
Result<EndpointEntry> make_entry(const Group& group, const Prefix& node,
                                 const std::vector<RulesThere>& above,
                                 std::vector<yett_port_range>& ranges) {
  const bool is_ipv4 = contains(ipv4_space(), node);
  ranges.clear();
  const EndpointRule* last = nullptr;
  for (const RulesThere& at : above)
    for (const RuleAt& placed : at) {
      if (placed.rule == nullptr || !applies(*placed.rule, is_ipv4)) continue;
      ranges.push_back({placed.rule->port_first, placed.rule->port_last});
      last = placed.rule;
    }
  if (ranges.size() > 1) ranges = join_ranges(std::move(ranges), group.direction);
  if (ranges.size() > YETT_PORT_RANGES)
    return fail(request_error(last->source.text() + ": " + last->text,
                              "more than 16 separate port ranges hold for one address",
                              "join ports into ranges"));
  EndpointEntry entry{};
  entry.first.prefix_length = YETT_ENDPOINT_FIXED_BITS + node.bits;
  entry.first.policy = group.policy;
  entry.first.direction = group.direction;
  entry.first.protocol = group.protocol;
  entry.first.rules = group.set;
  std::ranges::copy(node.address, entry.first.address);
  entry.second.count = static_cast<std::uint32_t>(ranges.size());
  std::ranges::copy(ranges, entry.second.ranges);
  return entry;
}

// By prefix. Rules are often written in their order.
std::vector<RuleAt> ordered_rules(const Group& group) {
  std::vector<RuleAt> placed;
  placed.reserve(group.rules.size() + 1);
  for (const EndpointRule* rule : group.rules) placed.push_back({prefix_of(*rule), rule});
  if (!std::ranges::is_sorted(placed, {}, &RuleAt::prefix))
    std::ranges::stable_sort(placed, {}, &RuleAt::prefix);
  // Else IPv4 would fall through to a wide IPv6 rule.
  placed.insert(std::ranges::lower_bound(placed, ipv4_space(), {}, &RuleAt::prefix),
                {ipv4_space()});
  return placed;
}

Status append_group(const Group& group, std::vector<EndpointEntry>& table) {
  if (group.rules.empty()) return {};
  const std::vector<RuleAt> placed = ordered_rules(group);
  table.reserve(table.size() + placed.size());
  std::vector<yett_port_range> ranges;
  // A prefix sorts before those that it holds, and they before all others.
  std::vector<RulesThere> above;
  for (auto node = placed.begin(); node != placed.end();) {
    const auto next = std::find_if(
        node, placed.end(), [&](const RuleAt& other) { return other.prefix != node->prefix; });
    while (!above.empty() && !contains(above.back().front().prefix, node->prefix)) above.pop_back();
    above.emplace_back(node, next);
    YETT_TRY(const EndpointEntry entry, make_entry(group, node->prefix, above, ranges));
    table.push_back(entry);
    node = next;
  }
  return {};
}

}  // namespace

Result<std::vector<EndpointEntry>> make_endpoint_table(std::uint32_t policy,
                                                       const std::vector<EndpointRule>& connect,
                                                       const std::vector<EndpointRule>& listen,
                                                       std::uint8_t set) {
  std::vector<EndpointEntry> table;
  for (const auto& [direction, rules] :
       {std::pair{YETT_CONNECT, &connect}, std::pair{YETT_LISTEN, &listen}}) {
    Group tcp{policy, static_cast<std::uint8_t>(direction), IPPROTO_TCP, set, {}};
    Group udp{policy, static_cast<std::uint8_t>(direction), IPPROTO_UDP, set, {}};
    for (const EndpointRule& rule : *rules) {
      if (rule.scheme == EndpointScheme::unix_path) continue;
      if (!rule.is_literal && !is_any_host(rule))
        return fail(request_error(rule.source.text() + ": " + rule.text,
                                  "the kernel planes know addresses, not host names",
                                  "write the address"));
      (rule.scheme == EndpointScheme::tcp ? tcp : udp).rules.push_back(&rule);
    }
    YETT_CHECK(append_group(tcp, table));
    YETT_CHECK(append_group(udp, table));
  }
  return table;
}

}  // namespace yett

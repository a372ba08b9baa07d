#include "supervisor/broker/name_bindings.hpp"

#include <algorithm>

namespace yett {
namespace {

EndpointRule at_address(const EndpointRule& rule, const DnsAddress& address) {
  EndpointRule literal = rule;
  literal.is_literal = true;
  literal.is_ipv6 = address.is_ipv6;
  literal.prefix_length = address.is_ipv6 ? 128 : 32;
  literal.address = address.bytes;
  return literal;
}

bool is_for(const EndpointRule& rule, std::string_view name) {
  return normal_dns_name(rule.host) == name;
}

}  // namespace

bool NameBindings::is_known(std::string_view name) const {
  return std::ranges::any_of(names_, [&](const EndpointRule& rule) { return is_for(rule, name); });
}

NameBindings::Bound NameBindings::bind(std::string_view name,
                                       const std::vector<DnsAddress>& addresses,
                                       Clock::time_point now, ToldBy who) {
  Bound bound;
  for (const DnsAddress& address : addresses) {
    const auto lifetime =
        std::clamp(std::chrono::seconds(address.ttl), kShortest, std::chrono::seconds(kLongest));
    const auto known = std::ranges::find_if(bindings_, [&](const Binding& binding) {
      return binding.name == name && binding.address.is_ipv6 == address.is_ipv6 &&
             binding.address.bytes == address.bytes;
    });
    if (known == bindings_.end() && bindings_.size() >= kMost) continue;
    if (known == bindings_.end()) {
      bindings_.push_back({std::string(name), address, now + lifetime + kGrace, who});
      bound.changes_rules = true;
    } else {
      known->until = std::max(known->until, now + lifetime + kGrace);
      known->who = who;
    }
    bound.addresses.push_back(address);
  }
  return bound;
}

bool NameBindings::expire(Clock::time_point now) {
  return std::erase_if(bindings_, [&](const Binding& each) { return each.until <= now; }) != 0;
}

bool NameBindings::forget(const std::function<bool(const DnsAddress&)>& is_the_hosts) {
  return std::erase_if(bindings_, [&](const Binding& each) {
           return each.who == ToldBy::name_server && is_the_hosts(each.address);
         }) != 0;
}

std::optional<NameBindings::Clock::time_point> NameBindings::next_expiry() const {
  if (bindings_.empty()) return std::nullopt;
  return std::ranges::min(bindings_, {}, &Binding::until).until;
}

void NameBindings::replace_names(std::vector<EndpointRule> names) {
  names_ = std::move(names);
  std::erase_if(bindings_, [this](const Binding& each) { return !is_known(each.name); });
}

std::vector<EndpointRule> NameBindings::rules() const {
  std::vector<EndpointRule> rules;
  for (const Binding& binding : bindings_)
    for (const EndpointRule& rule : names_)
      if (is_for(rule, binding.name)) rules.push_back(at_address(rule, binding.address));
  return rules;
}

}  // namespace yett
